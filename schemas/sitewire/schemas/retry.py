"""A retry: what dead letters hold, once more on its way to the route that they are from.

Published to ``retry.<route>.<site>.<run>.<class>``; the stream puts the partition behind the first
token, the same as that of the run's metrics. An envelope of a *retry writer*, whose indexes number what
is sent again; around it the names of the letters, so that whoever sends the next one first deletes them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgpack

from sitewire.schemas import limits
from sitewire.schemas.account import read_class
from sitewire.schemas.codec import decode_envelope
from sitewire.schemas.envelope import Envelope
from sitewire.schemas.errors import MalformedEnvelope, SubjectError
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import RETRY, RunKey, Subject, escape, parse_writer, unescape
from sitewire.schemas.wire import array, check, index, is_text, read_map

_KEYS: Final = frozenset({"v", "sink", "letters", "taken", "envelope"})
_PARTITION: Final = re.compile(r"0|[1-9][0-9]{0,5}")


class RetryOf(StrEnum):
    """What a retry writer's indexes were before; the value is how its identity begins."""

    RECORDS = limits.RETRY_PREFIX + "0"
    """Dead letters: each index of it was counted as one."""
    MESSAGES = limits.RETRY_PREFIX + "1"
    """Holes, left by messages that could not be read."""


def new_retry_writer(of: RetryOf) -> str:
    """Return a fresh identity of a retry's writer."""
    return of + secrets.token_hex(limits.WRITER_BYTES - len(of) // 2)


def retry_of(writer: str) -> RetryOf | None:
    """Return what a writer sends again; None for a collector's."""
    return next((of for of in RetryOf if writer.startswith(of)), None)


@dataclass(frozen=True, slots=True)
class RetrySubject:
    """Where what is sent again of one route, run and class goes."""

    route: str
    run: RunKey
    record_class: RecordClass

    def __str__(self) -> str:
        """Return the subject to publish to."""
        return ".".join((RETRY, escape(self.route), *self.run.tokens, self.record_class))

    def stored(self, partition: int) -> str:
        """Return the subject that the stream stores it under."""
        return str(self).replace(f"{RETRY}.", f"{RETRY}.{partition}.", 1)


@dataclass(frozen=True, slots=True)
class LetterName:
    """A letter: its sequence in the stream of dead letters, and its subject there."""

    sequence: int
    subject: str


@dataclass(frozen=True, slots=True)
class Taken:
    """Indexes of a writer that were a hole, and are sent again: ``first`` to ``first + count - 1``."""

    writer: str
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Retry:
    """One message.

    Attributes:
        sink: the identity of the place that had refused it: no other may be given it, since it has its own fate there.
        letters: to be deleted once this is stored.
        taken: of holes; to be taken out of their notes once this is stored.
        envelope: the records, under the retry writer's numbers.
    """

    sink: str
    letters: tuple[LetterName, ...]
    taken: tuple[Taken, ...]
    envelope: Envelope


def parse_stored_retry(subject: str) -> tuple[int, RetrySubject]:
    """Read a subject as the stream stores it, into its partition and the rest.

    Raises:
        SubjectError: it is not one.
    """
    tokens = subject.split(".")
    if len(tokens) != 6 or tokens[0] != RETRY or not _PARTITION.fullmatch(tokens[1]):
        msg = f"not retry.<partition>.<route>.<site>.<run>.<class>: {subject[:200]!r}"
        raise SubjectError(msg)
    route, site, run = map(unescape, tokens[2:5])
    return int(tokens[1]), RetrySubject(route, RunKey(site, run), read_class(tokens[5]))


def encode_retry(sink: str, letters: Iterable[LetterName], taken: Iterable[Taken], envelope: bytes) -> bytes:
    """Write a retry as MessagePack.

    Args:
        sink: the identity of the place.
        letters: what it carries.
        taken: indexes that were holes.
        envelope: of a retry writer, as ``encode_envelope`` gave it.
    """
    body = {
        "v": limits.SCHEMA_VERSION,
        "sink": sink,
        "letters": [(name.sequence, name.subject) for name in letters],
        "taken": [(item.writer, item.first, item.count) for item in taken],
        "envelope": envelope,
    }
    return bytes(msgpack.packb(body))


def decode_retry(data: bytes, subject: RetrySubject) -> Retry:
    """Read and check a retry.

    Raises:
        SchemaError: too large, malformed or of another version, the envelope in it too.
    """
    body = read_map(data, limits.MAX_RETRY_BYTES)
    check(body.keys() == _KEYS, "a retry has the keys " + " ".join(sorted(_KEYS)))
    check(is_text(body["sink"], limits.MAX_SINK_BYTES), "sink: an identity")
    check(type(body["envelope"]) is bytes, "envelope: bytes")
    letters = tuple(map(_read_letter, array(body["letters"], "letters")))
    taken = tuple(map(_read_taken, array(body["taken"], "taken")))
    return Retry(body["sink"], letters, taken, _read_envelope(body["envelope"], subject))


def _read_envelope(data: bytes, subject: RetrySubject) -> Envelope:
    raw = read_map(data, limits.MAX_ENVELOPE_BYTES).get("w")
    writer = raw.hex() if type(raw) is bytes else ""
    if len(writer) != 2 * limits.WRITER_BYTES or retry_of(writer) is None:
        msg = "w: not the writer of a retry"
        raise MalformedEnvelope(msg)
    return decode_envelope(data, Subject(subject.run, subject.record_class, writer))


def _read_letter(value: Any) -> LetterName:  # noqa: ANN401  hostile
    item = array(value, "letters")
    check(len(item) == 2 and is_text(item[1], limits.MAX_SUBJECT_BYTES), "letters: [sequence, subject]")
    return LetterName(index(item[0], "letters"), item[1])


def _read_taken(value: Any) -> Taken:  # noqa: ANN401  hostile
    item = array(value, "taken")
    check(len(item) == 3 and type(item[0]) is str, "taken: [writer, first, count]")
    try:
        writer = parse_writer(item[0])
    except SubjectError as error:
        raise MalformedEnvelope(str(error)) from error
    return Taken(writer, index(item[1], "taken"), index(item[2], "taken"))
