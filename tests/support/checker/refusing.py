"""Trackers that never take some points: those of a name at one step."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from sitewire.broker_config.model import SinkConfig
from sitewire.schemas.envelope import Span
from sitewire.workers import worker
from sitewire.workers.errors import BatchRefused
from sitewire.workers.sinks.contract import Delivery, Outcome, RunSink, Sink
from sitewire.workers.sinks.registry import make_sink

STEP: Final = 20


def refuse(name: str) -> None:
    """Have every sink of this process refuse each batch that holds such a point, before it writes any of it."""

    def make_picky(config: SinkConfig) -> Sink:
        sink = make_sink(config)
        _replace(sink, "open_run", _opening(sink.open_run, name))
        return sink

    _replace(worker, "make_sink", make_picky)


def _opening(
    open_run: Callable[..., Coroutine[Any, Any, RunSink]], name: str
) -> Callable[..., Coroutine[Any, Any, RunSink]]:
    async def opening(*arguments: Any) -> RunSink:
        run = await open_run(*arguments)
        _replace(run, "write", _picky(run.write, name))
        return run

    return opening


def _picky(
    write: Callable[[Sequence[Delivery]], Coroutine[Any, Any, None]], name: str
) -> Callable[[Sequence[Delivery]], Coroutine[Any, Any, None]]:
    async def picky(deliveries: Sequence[Delivery]) -> None:
        if any(_holds(delivery, name) for delivery in deliveries):
            msg = f"{name} is never taken at step {STEP}"
            raise BatchRefused(msg)
        await write(deliveries)

    return picky


def _replace(of: object, name: str, value: object) -> None:
    setattr(of, name, value)


def _holds(delivery: Delivery, name: str) -> bool:
    stretch = delivery.stretch
    if delivery.outcome is not Outcome.DELIVERED or not isinstance(stretch, Span):
        return False
    return any(record.name == name and record.step == STEP for record in stretch.records)
