"""What a writer's publisher says of it: how much there is, how much has reached the stream.

Kept in a stream with one message a subject, ``account.<site>.<run>.<writer>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgpack

from sitewire.schemas import limits
from sitewire.schemas.errors import MalformedEnvelope
from sitewire.schemas.record import RecordClass
from sitewire.schemas.wire import array, check, counts, index, is_text, is_time, read_map, shown, text_map

_CLASSES = frozenset(RecordClass)
_KEYS = frozenset({"v", "classes", "alive", "ended", "refused", "experiment", "started"})
_OPTIONAL = frozenset({"forked", "failed", "stopped"})
"""Left out where they say nothing: accounts that were written before there were such keys are the same bytes."""


@dataclass(frozen=True, slots=True)
class ClassAccount:
    """Counts of one class of one writer.

    Attributes:
        assigned: indexes given out by log calls: 0 to ``assigned - 1``.
        published: indexes that the stream has acknowledged, holes included: 0 to ``published - 1``.
        held: the oldest index that the spool could still send again.
    """

    assigned: int
    published: int
    held: int


@dataclass(frozen=True, slots=True)
class Account:
    """The state of one writer.

    Attributes:
        classes: per class that the writer has logged to.
        alive: the writer's process held its lock when this was written.
        ended: the writer's ``run_end`` is in the spool; no index will follow.
        refused: log calls that were refused and got no index, by reason.
        experiment: the run's experiment.
        started: when the writer began, seconds since the epoch.
        forked: the writer is a forked child's, and the parent logs to the same run.
        failed: its ``run_end`` says ``failed``.
        stopped: when the writer was last seen alive, seconds since the epoch; 0.0 while it lives, and until all
            that it left has been counted.
    """

    classes: Mapping[RecordClass, ClassAccount]
    alive: bool
    ended: bool
    refused: Mapping[str, int] = field(default_factory=dict)
    experiment: str = "default"
    started: float = 0.0
    forked: bool = False
    failed: bool = False
    stopped: float = 0.0

    @property
    def settled(self) -> bool:
        """Whether everything that the writer assigned has reached the stream."""
        return all(item.published >= item.assigned for item in self.classes.values())


def encode_account(account: Account) -> bytes:
    """Write an account as MessagePack."""
    body: dict[str, object] = {
        "v": limits.SCHEMA_VERSION,
        "classes": {str(name): (c.assigned, c.published, c.held) for name, c in account.classes.items()},
        "alive": account.alive,
        "ended": account.ended,
        "refused": dict(account.refused),
        "experiment": account.experiment,
        "started": account.started,
    }
    more = {"forked": account.forked, "failed": account.failed, "stopped": account.stopped}
    body |= {name: value for name, value in more.items() if value}
    return bytes(msgpack.packb(body))


def decode_account(data: bytes) -> Account:
    """Read and check an account.

    Raises:
        EnvelopeError: too large, malformed or of another version.
    """
    body = read_map(data, limits.MAX_STATE_BYTES)
    check(_KEYS <= body.keys() <= _KEYS | _OPTIONAL, "an account has the keys " + " ".join(sorted(_KEYS)))
    forked, failed, stopped = body.get("forked", False), body.get("failed", False), body.get("stopped", 0.0)
    flags = (body["alive"], body["ended"], forked, failed)
    check(all(type(flag) is bool for flag in flags), "alive, ended, forked, failed: booleans")
    check(is_time(stopped), "stopped: a time")
    check(is_text(body["experiment"], limits.MAX_EXPERIMENT_BYTES), "experiment: a name")
    check(is_time(body["started"]), "started: a time")
    return Account(
        _read_classes(body["classes"]),
        body["alive"],
        body["ended"],
        counts(body["refused"], "refused"),
        body["experiment"],
        body["started"],
        forked,
        failed,
        stopped,
    )


def _read_classes(value: object) -> dict[RecordClass, ClassAccount]:
    return {read_class(name): _read_class_account(item) for name, item in text_map(value, "classes").items()}


def _read_class_account(value: object) -> ClassAccount:
    item = array(value, "classes")
    check(len(item) == 3, "a class's account is [assigned, published, held]")
    assigned, published, held = (index(count, "classes") for count in item)
    check(published <= assigned, "published: no more than assigned")
    return ClassAccount(assigned, published, held)


def read_class(name: object) -> RecordClass:
    """Return the class of that name.

    Raises:
        MalformedEnvelope: there is none.
    """
    if type(name) is not str or name not in _CLASSES:
        msg = f"unknown class {shown(name)}"
        raise MalformedEnvelope(msg)
    return RecordClass(name)
