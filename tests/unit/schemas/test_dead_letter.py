"""Dead letters and retries: subjects both ways, words that are cut, and what may not be in one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.schemas import limits
from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.dead_letter import (
    HOLE,
    RECORD,
    HoleNote,
    MessageLetter,
    Place,
    RecordLetter,
    decode_letter,
    encode_letter,
)
from sitewire.schemas.errors import MalformedEnvelope, SchemaError, SubjectError
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.retry import (
    RetryOf,
    RetrySubject,
    decode_retry,
    encode_retry,
    new_retry_writer,
    parse_stored_retry,
    retry_of,
)
from sitewire.schemas.subject import RunKey, Subject, new_writer, parse_stored, parse_writer

WRITER = "ab" * 16
SCALARS = RecordClass.SCALARS
RECORDED = Record(Kind.SCALAR, "loss", 0.5, 1.7e9, 7)

names = st.text(min_size=1, max_size=20).filter(lambda text: text.encode(errors="replace").decode() == text)
places = st.builds(
    lambda site, run, index: Place("hq", RunKey(site, run), StreamKey(WRITER, SCALARS), index),
    names,
    names,
    st.integers(0, limits.MAX_INDEX - 100),
)


def letter(place: Place, reason: str = "too long") -> RecordLetter:
    return RecordLetter(place, reason, "BatchRefused", "jsonl:/srv", 1.7e9, "default", pack_record(RECORDED))


@given(places, st.text(max_size=3000))
def test_a_letter_says_what_was_put_into_it_with_words_that_fit(place: Place, reason: str) -> None:
    written = letter(place, reason)
    read = decode_letter(written.subject, encode_letter(written))
    assert isinstance(read, RecordLetter)
    assert read.record == RECORDED
    assert len(read.reason.encode()) <= limits.MAX_REASON_BYTES
    assert replace(read, reason="") == replace(written, reason="")


@given(places, st.integers(1, 100))
def test_a_note_says_which_indexes_are_empty(place: Place, count: int) -> None:
    note = HoleNote(place, "jsonl:/srv", 1.7e9, count)
    assert decode_letter(note.subject, encode_letter(note)) == note


def test_a_message_that_is_larger_than_any_envelope_is_kept_in_part_with_its_size() -> None:
    data = bytes(limits.MAX_ENVELOPE_BYTES + 1)
    written = MessageLetter("hq", 9, "too large", "EnvelopeTooLarge", "null:", 1.0, "metrics.0.a", len(data), data)
    read = decode_letter(written.subject, encode_letter(written))
    assert isinstance(read, MessageLetter)
    assert (read.size, len(read.data), read.sequence) == (len(data), limits.MAX_ENVELOPE_BYTES, 9)


@pytest.mark.parametrize(
    "subject",
    [
        "dead",
        "dead.hq.message",
        "dead.hq.message.01",
        "dead.hq.message.-1",
        "dead.hq.message.٣",
        "dead.hq.message.99999999999999999999999",
        "dead.hq.message.1.2",
        f"dead.hq.record.a.b.scalars.{WRITER}",
        f"dead.hq.record.a.b.scales.{WRITER}.1",
        f"dead.hq.record.a=41.b.scalars.{WRITER}.1",
        f"dead.hq.other.a.b.scalars.{WRITER}.1",
    ],
)
def test_a_subject_that_is_no_letters_is_refused(subject: str) -> None:
    place = Place("hq", RunKey("a", "b"), StreamKey(WRITER, SCALARS), 1)
    with pytest.raises(SchemaError):
        decode_letter(subject, encode_letter(letter(place)))


def test_a_letter_with_bytes_that_are_no_record_of_its_class_is_refused() -> None:
    place = Place("hq", RunKey("a", "b"), StreamKey(WRITER, SCALARS), 1)
    for packed in (b"", b"\xc1", pack_record(RECORDED) * 2, pack_record(Record(Kind.TAG, "tag", "x", 1.0))):
        with pytest.raises(SchemaError):
            decode_letter(place.subject(RECORD), encode_letter(replace(letter(place), packed=packed)))


def test_a_note_of_no_index_is_refused() -> None:
    place = Place("hq", RunKey("a", "b"), StreamKey(WRITER, SCALARS), 1)
    with pytest.raises(MalformedEnvelope):
        decode_letter(place.subject(HOLE), encode_letter(HoleNote(place, "null:", 1.0, 0)))


@given(names, names, st.integers(0, 7))
def test_the_subject_of_a_retry_is_read_as_it_was_written(site: str, run: str, partition: int) -> None:
    subject = RetrySubject("hq-1", RunKey(site, run), RecordClass.MEDIA)
    assert parse_stored_retry(subject.stored(partition)) == (partition, subject)


@pytest.mark.parametrize("of", RetryOf)
def test_a_retrys_writer_is_known_as_one_and_no_collector_can_speak_as_it(of: RetryOf) -> None:
    writer = new_retry_writer(of)
    assert (parse_writer(writer), retry_of(writer)) == (writer, of)
    assert retry_of(new_writer()) is None
    with pytest.raises(SubjectError, match="retry"):
        parse_stored(Subject(RunKey("a", "b"), SCALARS, writer).stored(0))


def test_a_retry_with_a_collectors_writer_is_refused() -> None:
    data = encode_retry("null:", (), (), encode_envelope(WRITER, SCALARS, 0, [pack_record(RECORDED)]))
    with pytest.raises(MalformedEnvelope, match="writer of a retry"):
        decode_retry(data, RetrySubject("hq", RunKey("a", "b"), SCALARS))
