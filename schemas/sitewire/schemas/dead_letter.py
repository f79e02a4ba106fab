"""Dead letters: what could not be delivered, kept with the reason until somebody has looked at it.

In a stream with one message a subject, so that a letter that is written again changes nothing::

    dead.<route>.record.<site>.<run>.<class>.<writer>.<index>   a record that the tracker refused for good
    dead.<route>.message.<sequence>                             a message that could not be read
    dead.<route>.hole.<site>.<run>.<class>.<writer>.<first>     the indexes that such messages left empty

The last is no letter but a note: what it names was never delivered, so a retry of the message may.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgpack

from sitewire.schemas import limits
from sitewire.schemas.account import read_class
from sitewire.schemas.codec import decode_envelope, encode_envelope
from sitewire.schemas.errors import MalformedEnvelope, SubjectError
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import Record, RecordClass
from sitewire.schemas.subject import DEAD, RunKey, Subject, escape, parse_writer, unescape
from sitewire.schemas.wire import check, index, is_text, is_time, read_map

RECORD: Final = "record"
MESSAGE: Final = "message"
HOLE: Final = "hole"


@dataclass(frozen=True, slots=True)
class Place:
    """An index of a run in a route: of a record that was refused, or the first of a hole."""

    route: str
    run: RunKey
    key: StreamKey
    index: int

    def subject(self, sort: str) -> str:
        """Return where the letter (``RECORD``) or note (``HOLE``) about it is kept."""
        tokens = (DEAD, escape(self.route), sort, *self.run.tokens, str(self.key.record_class), self.key.writer)
        return ".".join((*tokens, str(self.index)))


@dataclass(frozen=True, slots=True)
class RecordLetter:
    """A record that a tracker refused for good.

    Attributes:
        place: which one.
        reason: what the tracker said.
        error: the type of that error.
        sink: the identity of the place that refused it.
        time: when, seconds since the epoch.
        experiment: of the record's run.
        packed: the record as it travels.
    """

    place: Place
    reason: str
    error: str
    sink: str
    time: float
    experiment: str
    packed: bytes

    @property
    def subject(self) -> str:
        """Where it is kept."""
        return self.place.subject(RECORD)

    @property
    def record(self) -> Record:
        """The record.

        Raises:
            EnvelopeError: the bytes are none of this class.
        """
        key = self.place.key
        data = encode_envelope(key.writer, key.record_class, 0, [self.packed])
        records = decode_envelope(data, Subject(self.place.run, key.record_class, key.writer)).records
        check(len(records) == 1, "a letter holds one record")
        return records[0]


@dataclass(frozen=True, slots=True)
class MessageLetter:
    """A message that could not be read.

    Attributes:
        route: whose worker could not read it.
        sequence: of the message in its stream.
        reason: what is wrong with it.
        error: the type of that error.
        sink: the identity of the place that it was to go to.
        time: when, seconds since the epoch.
        stored: the subject that it was stored under.
        size: bytes that it had.
        data: the bytes, as many as an envelope may have.
    """

    route: str
    sequence: int
    reason: str
    error: str
    sink: str
    time: float
    stored: str
    size: int
    data: bytes

    @property
    def subject(self) -> str:
        """Where it is kept."""
        return ".".join((DEAD, escape(self.route), MESSAGE, str(self.sequence)))


@dataclass(frozen=True, slots=True)
class HoleNote:
    """Indexes that a message left empty which could not be read.

    Attributes:
        place: the first of them.
        sink: the identity of the place that counts them as a hole.
        time: when, seconds since the epoch.
        count: how many.
    """

    place: Place
    sink: str
    time: float
    count: int

    @property
    def subject(self) -> str:
        """Where it is kept."""
        return self.place.subject(HOLE)

    @property
    def end(self) -> int:
        """The index behind the last one."""
        return self.place.index + self.count


Letter: TypeAlias = RecordLetter | MessageLetter
Stored: TypeAlias = Letter | HoleNote


def run_letters(route: str, run: RunKey) -> str:
    """Return the pattern of what is kept about the indexes of a run: refused records and notes of holes."""
    return ".".join((DEAD, escape(route), "*", *run.tokens, ">"))


def letters(route: str, sort: str) -> str:
    """Return the pattern of all letters of one sort of a route."""
    return ".".join((DEAD, escape(route), sort, ">"))


def encode_letter(letter: Stored) -> bytes:
    """Write a letter or note as MessagePack; words that are too long are cut."""
    common = {"v": limits.SCHEMA_VERSION, "sink": letter.sink, "time": letter.time}
    if isinstance(letter, HoleNote):
        return bytes(msgpack.packb(common | {"count": letter.count}))
    common |= {"reason": _words(letter.reason), "error": _words(letter.error)}
    if isinstance(letter, RecordLetter):
        return bytes(msgpack.packb(common | {"experiment": letter.experiment, "record": letter.packed}))
    held = {"subject": letter.stored, "size": letter.size, "data": letter.data[: limits.MAX_ENVELOPE_BYTES]}
    return bytes(msgpack.packb(common | held))


def decode_letter(subject: str, data: bytes) -> Stored:
    """Read and check a letter or note.

    Raises:
        SchemaError: the subject is none of theirs; too large, malformed or of another version.
    """
    route, sort, rest = _split(subject)
    body = read_map(data, limits.MAX_LETTER_BYTES)
    check(is_text(body.get("sink"), limits.MAX_SINK_BYTES) and is_time(body.get("time")), "sink, time: its place, when")
    if sort == MESSAGE:
        return _read_message(route, rest, body)
    place = _read_place(route, rest)
    if sort == HOLE:
        check(body.keys() == {"v", "sink", "time", "count"}, "a note has the keys v sink time count")
        note = HoleNote(place, body["sink"], body["time"], index(body["count"], "count"))
        check(note.count > 0 and note.end <= limits.MAX_INDEX, "count: of indexes")
        return note
    return _read_record(place, body)


def _split(subject: str) -> tuple[str, str, list[str]]:
    tokens = subject.split(".")
    lengths = {RECORD: 8, HOLE: 8, MESSAGE: 4}
    if len(tokens) < 4 or tokens[0] != DEAD or lengths.get(tokens[2]) != len(tokens):
        msg = f"not the subject of a dead letter: {subject[:200]!r}"
        raise SubjectError(msg)
    return unescape(tokens[1]), tokens[2], tokens[3:]


def _read_place(route: str, tokens: list[str]) -> Place:
    site, run, record_class, writer, number = tokens
    key = StreamKey(parse_writer(writer), RecordClass(read_class(record_class)))
    return Place(route, RunKey(unescape(site), unescape(run)), key, _number(number))


def _read_record(place: Place, body: dict[str, Any]) -> RecordLetter:
    keys = {"v", "reason", "error", "sink", "time", "experiment", "record"}
    check(body.keys() == keys, "a letter has the keys " + " ".join(sorted(keys)))
    _check_words(body)
    check(is_text(body["experiment"], limits.MAX_EXPERIMENT_BYTES), "experiment: a name")
    check(type(body["record"]) is bytes and len(body["record"]) <= limits.MAX_RECORD_BYTES, "record: packed")
    fields = (body[name] for name in ("reason", "error", "sink", "time", "experiment", "record"))
    letter = RecordLetter(place, *fields)
    _ = letter.record  # refused here, and not where it is sent again
    return letter


def _read_message(route: str, tokens: list[str], body: dict[str, Any]) -> MessageLetter:
    keys = {"v", "reason", "error", "sink", "time", "subject", "size", "data"}
    check(body.keys() == keys, "a letter has the keys " + " ".join(sorted(keys)))
    _check_words(body)
    check(is_text(body["subject"], limits.MAX_SUBJECT_BYTES), "subject: as stored")
    check(type(body["data"]) is bytes and len(body["data"]) <= limits.MAX_ENVELOPE_BYTES, "data: bytes")
    check(index(body["size"], "size") >= len(body["data"]), "size: of the whole message")
    fields = (body[name] for name in ("reason", "error", "sink", "time", "subject", "size", "data"))
    return MessageLetter(route, _number(tokens[0]), *fields)


def _check_words(body: dict[str, Any]) -> None:
    for name in ("reason", "error"):
        check(is_text(body[name], limits.MAX_REASON_BYTES), f"{name}: words")


def _number(token: str) -> int:
    number = int(token) if token.isascii() and token.isdecimal() and len(token) <= 19 else -1
    if str(number) != token or number > limits.MAX_INDEX:
        msg = f"not an index: {token[:40]!r}"
        raise MalformedEnvelope(msg)
    return number


def _words(text: str) -> str:
    """Cut to what a letter may say, and never nothing; a lone surrogate cannot be written."""
    return text.encode(errors="replace")[: limits.MAX_REASON_BYTES].decode(errors="ignore") or "?"
