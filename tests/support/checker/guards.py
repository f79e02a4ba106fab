"""Guards of the product that a process can be told to do without: the checker has to notice each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sitewire.schemas.envelope import Envelope
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.workers import plan
from sitewire.workers.arrival import Arrival
from sitewire.workers.plan import Plan
from sitewire.workers.sinks import partition_lock, progress
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.jsonl import recovery as jsonl_recovery
from sitewire.workers.sinks.progress import Progress
from sitewire.workers.sinks.tensorboard import recovery as tensorboard_recovery
from sitewire.workers.writing import RunWriter
from support.checker.modules import set_everywhere, set_method

_SINKS: Final = "sitewire.workers.sinks"


def _index_check() -> None:
    """Write again what lies below the position, and have the sinks not mind it."""
    make_plan = plan.make_plan

    def careless(
        positions: Mapping[StreamKey, Position],
        bases: Mapping[StreamKey, int],
        envelopes: Mapping[StreamKey, Sequence[Envelope]],
        *rest: Any,
    ) -> Plan:
        lowest = {key: min(item.first for item in items) for key, items in envelopes.items()}
        lower = {key: Position(min(at.next, lowest.get(key, at.next))) for key, at in positions.items()}
        return make_plan(lower, bases, envelopes, *rest)

    def write(self: Progress, delivery: Delivery) -> None:
        first, end = delivery.stretch.first, delivery.stretch.end
        position = self.written.get(delivery.key) or Position(first)
        if end > position.next:
            count = end - max(first, position.next)
            self.written[delivery.key] = progress.advanced(position, progress.fate(delivery), count)

    set_everywhere("sitewire.workers", "make_plan", careless)
    set_method(Progress, "write", write)


def _partition_lock() -> None:
    """Sign the lock file, and lock nothing."""

    def lock(path: Path) -> int:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        partition_lock._sign(descriptor)
        return descriptor

    partition_lock._lock = lock


def _acknowledge_after_commit() -> None:
    """Acknowledge what is at hand, and then write it."""
    write = RunWriter.write

    async def hasty(self: RunWriter, held: Sequence[Arrival]) -> Plan:
        for arrival in held:
            if arrival.message is not None:
                await arrival.message._client.publish(arrival.message.reply, b"+ACK")
                await arrival.message._client.flush()
        return await write(self, held)

    set_method(RunWriter, "write", hasty)


def _holes() -> None:
    """Count what lies in a named hole as delivered."""

    def fate(delivery: Delivery) -> Outcome:
        return delivery.outcome

    set_everywhere(_SINKS, "fate", fate)


def _base() -> None:
    """Take what happens to arrive first for the first that there is."""

    async def base(self: RunWriter, arrival: Arrival) -> int:
        return arrival.envelope.first

    set_method(RunWriter, "_base", base)


def _reading_positions() -> None:
    """Begin a run as if its folder were empty, in files behind those that are there."""
    set_everywhere(f"{_SINKS}.tensorboard", "recover", _forgetting(tensorboard_recovery.recover))
    set_everywhere(f"{_SINKS}.jsonl", "recover", _forgetting(jsonl_recovery.recover))


def _forgetting(recover: Callable[..., Any]) -> Callable[..., Any]:
    def forget(*arguments: Any) -> Any:
        found = recover(*arguments)
        found.positions.clear()
        return found

    return forget


BROKEN: Final[Mapping[str, Callable[[], None]]] = {
    guard.__name__.removeprefix("_"): guard
    for guard in (_index_check, _partition_lock, _acknowledge_after_commit, _holes, _base, _reading_positions)
}
"""What takes each guard out of the process, by the guard's name."""
