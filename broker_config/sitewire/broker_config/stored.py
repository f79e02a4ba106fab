"""A stored message, as the answer to a direct get brings it (ADR-31 of the NATS project)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nats.aio.msg import Msg


@dataclass(frozen=True, slots=True)
class Latest:
    """A message of a stream; of `read_latest` the last of its subject.

    Attributes:
        subject: as stored.
        sequence: in its stream.
        data: the payload.
        headers: of the message, without the server's own.
        time: when it was stored, seconds since the epoch; 0.0 where the answer does not say.
    """

    subject: str
    sequence: int
    data: bytes
    headers: dict[str, str]
    time: float = 0.0


def status_of(message: Msg) -> str | None:
    """Return the status that an answer to a direct get is; None if it is a stored message.

    What is stored comes with the headers that its publisher chose, a status among them if he likes. The server names
    the sequence of such a message, and of no status.
    """
    headers = message.headers or {}
    return None if "Nats-Sequence" in headers else headers.get("Status", "")


def of_answer(message: Msg) -> Latest:
    """Read a message of a direct get's answer; the server's headers say where it is from."""
    headers = dict(message.headers or {})
    subject, sequence = headers["Nats-Subject"], int(headers["Nats-Sequence"])
    own = {name: value for name, value in headers.items() if name not in _SERVERS}
    return Latest(subject, sequence, message.data, own, _seconds(headers.get("Nats-Time-Stamp", "")))


_SERVERS: Final = frozenset(
    {"Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Num-Pending", "Nats-Last-Sequence"}
)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0
