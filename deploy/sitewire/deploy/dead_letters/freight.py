"""Which letters go into one message, and what they are in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sitewire.deploy.dead_letters.box import Kept
from sitewire.schemas import limits
from sitewire.schemas.codec import decode_envelope, pack_record
from sitewire.schemas.dead_letter import HoleNote, MessageLetter, RecordLetter
from sitewire.schemas.envelope import Envelope, Span
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.receipt import Receipt
from sitewire.schemas.retry import LetterName, RetryOf, RetrySubject, Taken
from sitewire.schemas.subject import parse_stored

ROOM: Final = limits.MAX_ENVELOPE_BYTES - 4096  # bytes of records in one envelope, beside its head

NOT_PASSED: Final = "its index is not in the receipt yet; try again in a second"


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one message carries.

    Attributes:
        names: of the letters.
        packed: the records, in the order of their indexes.
        taken: the indexes that were holes.
        experiment: of the run.
        sink: the identity of the place that had refused them.
    """

    names: tuple[LetterName, ...]
    packed: tuple[bytes, ...]
    taken: tuple[Taken, ...]
    experiment: str
    sink: str


@dataclass(frozen=True, slots=True)
class Shipment:
    """Letters that go under one subject, of one sort, from one place.

    Attributes:
        subject: where to.
        of: what they are.
        sink: the identity of the place that had refused them.
    """

    subject: RetrySubject
    of: RetryOf
    sink: str


def chunks(letters: Iterable[Kept]) -> Iterator[list[Kept]]:
    """Yield letters of one shipment in parts that fit into a message; a message's letter is one by itself."""
    part: list[Kept] = []
    size = 0
    for kept in letters:
        assert kept.letter is not None  # noqa: S101  what cannot be read is in no shipment
        large = len(kept.letter.packed) if isinstance(kept.letter, RecordLetter) else ROOM
        if part and (size + large > ROOM or len(part) == limits.MAX_RETRY_LETTERS):
            yield part
            part, size = [], 0
        part.append(kept)
        size += large
    if part:
        yield part


def in_order(kept: Kept) -> tuple[str, int, int]:
    """Return what letters of one shipment are sorted by: the order in which they were logged, writer by writer."""
    if isinstance(kept.letter, RecordLetter):
        return kept.letter.place.key.writer, kept.letter.place.index, kept.id
    return "", kept.letter.sequence if kept.letter is not None else 0, kept.id


def passed(letter: RecordLetter, receipt: Receipt | None) -> bool:
    """Whether the place has counted the index of a record as a dead letter: until then its worker still needs it."""
    if receipt is None or receipt.sink != letter.sink:
        return False
    position = receipt.positions.get(letter.place.key)
    return position is not None and letter.place.index < position.next


def records_parcel(letters: Sequence[tuple[Kept, RecordLetter]]) -> Parcel:
    """Return what carries refused records."""
    _, first = letters[0]
    names = tuple(LetterName(kept.id, kept.subject) for kept, _ in letters)
    return Parcel(names, tuple(letter.packed for _, letter in letters), (), first.experiment, first.sink)


def opened(letter: MessageLetter) -> Envelope:
    """Return the envelope in a message, if this build can read it.

    Raises:
        SchemaError: it cannot, or the subject is none of a collector's.
    """
    if letter.size > len(letter.data):
        msg = f"it had {letter.size} bytes, and {len(letter.data)} were kept"
        raise SchemaError(msg)
    return decode_envelope(letter.data, parse_stored(letter.stored)[1])


def message_parcel(kept: Kept, letter: MessageLetter, envelope: Envelope, notes: Iterable[HoleNote]) -> Parcel:
    """Return what carries of a message the records of which the indexes are noted as a hole; perhaps none."""
    packed: list[bytes] = []
    taken: list[Taken] = []
    holes = sorted((note.place.index, note.end) for note in notes if note.sink == letter.sink)
    for span in (stretch for stretch in envelope.stretches() if isinstance(stretch, Span)):
        position = span.first
        for first, end in holes:
            begin, stop = max(first, position), min(end, span.end)
            if begin < stop:
                packed += map(pack_record, span.records[begin - span.first : stop - span.first])
                taken.append(Taken(envelope.writer, begin, stop - begin))
                position = stop
    name = LetterName(kept.id, kept.subject)
    return Parcel((name,), tuple(packed), tuple(taken), envelope.experiment, letter.sink)
