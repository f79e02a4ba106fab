"""A parked run as the bucket ``PARKED`` keeps it: where it is read on, and why it was parked.

Whoever reads a value decides by it what may be purged. So nothing that is stored there is an error:
a value that cannot be read needs everything that the stream has.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from sitewire.broker_config.names import PARTITIONS, ROUTE_NAME
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.limits import MAX_INDEX
from sitewire.schemas.subject import RunKey, unescape

MAX_REASON: Final = 500  # characters; an error's text can hold a whole page of a tracker's

_UNREADABLE: Final = "its entry cannot be read"
_NUMBERS: Final = frozenset(map(str, range(PARTITIONS)))


@dataclass(frozen=True, slots=True)
class ParkedRun:
    """What is known of one parked run.

    Attributes:
        sequence: the lowest stream sequence that is still needed; 0 holds everything.
        reason: why it was parked, for people.
        since: when, seconds since the epoch; 0.0 if unknown.
    """

    sequence: int
    reason: str
    since: float

    def encode(self) -> bytes:
        """Return the value to store."""
        fields = {"sequence": self.sequence, "reason": self.reason[:MAX_REASON], "since": self.since}
        return json.dumps(fields).encode()

    @classmethod
    def decode(cls, data: bytes) -> ParkedRun:
        """Read a stored value; one that says nothing sound is a run that needs everything."""
        try:
            fields = json.loads(data)
        except (ValueError, RecursionError):  # not JSON, not UTF-8; nested without end
            fields = None
        if not isinstance(fields, dict) or (sequence := _sequence(fields.get("sequence"))) is None:
            return cls(0, _UNREADABLE, 0.0)
        return cls(sequence, _text(fields.get("reason")), _time(fields.get("since")))


@dataclass(frozen=True, slots=True, order=True)
class ParkedKey:
    """Which run of which unit is parked."""

    route: str
    partition: int
    site: str
    run: str

    @property
    def run_key(self) -> RunKey:
        """The run, by its names."""
        return RunKey(self.site, self.run)


def parked_key(route: str, partition: int, run: RunKey) -> str:
    """Return the key of a run in the bucket."""
    return ".".join((route, str(partition), *run.tokens))


def parked_keys(route: str, partition: int) -> str:
    """Return the pattern of the keys of all parked runs of a unit."""
    return f"{route}.{partition}.*.*"


def parse_parked_key(key: str) -> ParkedKey | None:
    """Read a key; None if it is not one of ours. Its value holds the stream all the same."""
    route, _, rest = key.partition(".")
    tokens = rest.split(".")
    if not ROUTE_NAME.fullmatch(route) or len(tokens) != 3 or tokens[0] not in _NUMBERS:
        return None
    try:
        return ParkedKey(route, int(tokens[0]), unescape(tokens[1]), unescape(tokens[2]))
    except SchemaError:
        return None


def _sequence(value: Any) -> int | None:  # noqa: ANN401  as JSON gives it
    return value if type(value) is int and 0 <= value <= MAX_INDEX else None


def _text(value: Any) -> str:  # noqa: ANN401  as JSON gives it
    # A lone surrogate is sound JSON and cannot be printed.
    return value[:MAX_REASON].encode(errors="replace").decode() if isinstance(value, str) else ""


def _time(value: Any) -> float:  # noqa: ANN401  as JSON gives it
    return float(value) if type(value) in (int, float) and 0 <= value < 2**40 else 0.0
