"""How dead letters are listed, and which records of a message go with a retry."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.deploy.cli.dlq import table
from sitewire.deploy.cli.terminal import open_console
from sitewire.deploy.dead_letters.box import Kept, Selection
from sitewire.deploy.dead_letters.freight import chunks, message_parcel
from sitewire.deploy.dead_letters.listing import details, grouped, line_of
from sitewire.schemas import limits
from sitewire.schemas.codec import decode_envelope, encode_envelope, pack_record
from sitewire.schemas.dead_letter import HoleNote, MessageLetter, Place, RecordLetter
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey, Subject

WRITER = "ab" * 16
RUN = RunKey("clinic", "job")
KEY = StreamKey(WRITER, RecordClass.SCALARS)


def kept(number: int, reason: str = "no", name: str = "loss", size: int = 0) -> Kept:
    packed = pack_record(Record(Kind.SCALAR, name, float("nan"), 1.7e9, number)) + bytes(size)
    letter = RecordLetter(Place("hq", RUN, KEY, number), reason, "X", "null:", 1.7e9 + number, "default", packed)
    return Kept(number, letter.subject, letter)


def message(number: int, data: bytes = b"junk", stored: str = "metrics.0.a") -> Kept:
    letter = MessageLetter("hq", number, "not a map", "X", "null:", 1.7e9, stored, len(data), data)
    return Kept(number, letter.subject, letter)


def test_letters_of_one_kind_are_one_line_whatever_the_numbers_in_them() -> None:
    letters = [kept(at, f"bad step {at}: -0.{at}e-7") for at in range(1, 100)]
    letters += [kept(100, "another reason"), kept(101, "bad step 1: 2", name="accuracy"), message(102), message(103)]
    lines = grouped(map(line_of, letters))
    assert [(line.id, line.count, line.what) for line in lines] == [
        (1, 99, "loss"),
        (100, 1, "loss"),
        (101, 1, "accuracy"),
        (102, 2, "message"),
    ]
    assert (lines[0].step, lines[1].step) == ("", "100")
    assert lines[0].time == 1.7e9 + 99


def test_what_a_tracker_said_gives_the_terminal_no_orders(capsys: pytest.CaptureFixture[str]) -> None:
    open_console().print(table([line_of(kept(1, "\x1b[31m[/red] :smile:"))]))
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\\x1b[31m[/red] :smile:" in said


def test_everything_about_a_letter_is_json_with_its_record_in_words() -> None:
    shown = json.loads(json.dumps(details(kept(7)), allow_nan=False))
    assert shown["record"] == {
        "kind": "scalar",
        "name": "loss",
        "value": "nan",
        "time": "2023-11-14T22:13:20Z",
        "step": 7,
    }
    assert (shown["index"], shown["writer"]) == (7, WRITER)
    assert details(message(3))["begins"] == "6a 75 6e 6b"
    subject = f"metrics.clinic.job.scalars.{WRITER}"
    assert details(message(3, stored=subject.replace("metrics.", "metrics.4.")))["subject"] == subject, "as it was sent"
    assert details(message(3, stored="metrics.a.b"))["subject"] == "metrics.a.b", "whoever has stored that"
    assert details(Kept(9, "dead.hq.message.9", None, "no letter"))["reason"] == "no letter"


def test_a_selection_means_what_all_of_its_words_leave() -> None:
    assert Selection(route="hq", site="clinic", run="job").means(kept(1))
    assert not Selection(route="hq", site="clinic", run="another").means(kept(1))
    assert not Selection(site="clinic").means(message(1)), "it is nobody's"
    assert Selection(route="hq").means(message(1))


@given(st.lists(st.integers(0, 3 * limits.MAX_ENVELOPE_BYTES // 4), max_size=300))
def test_what_goes_together_fits_into_a_message(sizes: list[int]) -> None:
    letters = [kept(number, size=min(size, limits.MAX_RECORD_BYTES)) for number, size in enumerate(sizes)]
    parts = list(chunks(letters))
    assert [item for part in parts for item in part] == letters
    for part in parts:
        packed = [item.letter.packed for item in part if isinstance(item.letter, RecordLetter)]
        assert 0 < len(part) <= limits.MAX_RETRY_LETTERS
        assert len(encode_envelope(WRITER, RecordClass.SCALARS, 0, packed)) <= limits.MAX_ENVELOPE_BYTES


ranges = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), max_size=4)


@given(st.sets(st.integers(10, 29)), ranges)
def test_of_a_message_goes_what_it_holds_and_nobody_has_delivered(
    dropped: set[int], noted: list[tuple[int, int]]
) -> None:
    records = [Record(Kind.SCALAR, "loss", 1.0, 1.7e9, at) for at in range(10, 30) if at not in dropped]
    holes = [Hole(HoleName.DROPPED, at, 1) for at in sorted(dropped)]
    data = encode_envelope(WRITER, RecordClass.SCALARS, 10, list(map(pack_record, records)), holes)
    letter = message(1, data)
    assert isinstance(letter.letter, MessageLetter)
    envelope = decode_envelope(data, Subject(RUN, RecordClass.SCALARS, WRITER))
    notes = [HoleNote(Place("hq", RUN, KEY, first), "null:", 1.0, count) for first, count in noted]
    notes.append(HoleNote(Place("hq", RUN, KEY, 0), "another:", 1.0, 100))
    parcel = message_parcel(letter, letter.letter, envelope, notes)
    empty = {at for first, count in noted for at in range(first, first + count)}
    expected = [record for record in records if record.step in empty]
    assert parcel.packed == tuple(map(pack_record, expected))
    taken = [at for item in parcel.taken for at in range(item.first, item.first + item.count)]
    assert taken == [record.step for record in expected]
