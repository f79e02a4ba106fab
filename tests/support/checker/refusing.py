"""Trackers that never take some points: those of a name at one step."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from sitewire.schemas.envelope import Span
from sitewire.workers.errors import BatchRefused
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.jsonl.run import JsonlRun
from sitewire.workers.sinks.tensorboard.run import TensorBoardRun
from support.checker.modules import set_method

STEP: Final = 20


def refuse(name: str) -> None:
    """Have the sinks of this process refuse each batch that holds such a point, before they write any of it."""
    for kind in (JsonlRun, TensorBoardRun):
        set_method(kind, "write", _picky(kind.write, name))


def _picky(
    write: Callable[..., Coroutine[Any, Any, None]], name: str
) -> Callable[[Any, Sequence[Delivery]], Coroutine[Any, Any, None]]:
    async def picky(self: object, deliveries: Sequence[Delivery]) -> None:
        if any(_holds(delivery, name) for delivery in deliveries):
            msg = f"{name} is never taken at step {STEP}"
            raise BatchRefused(msg)
        await write(self, deliveries)

    return picky


def _holds(delivery: Delivery, name: str) -> bool:
    stretch = delivery.stretch
    if delivery.outcome is not Outcome.DELIVERED or not isinstance(stretch, Span):
        return False
    return any(record.name == name and record.step == STEP for record in stretch.records)
