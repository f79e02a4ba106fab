"""Bytes that somebody made to hurt: an EnvelopeError comes out, soon and cheaply, or what was really meant."""

from __future__ import annotations

import math
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.schemas import limits
from sitewire.schemas.account import Account, ClassAccount, decode_account, encode_account
from sitewire.schemas.codec import decode_envelope, encode_envelope, pack_record
from sitewire.schemas.dead_letter import HoleNote, MessageLetter, Place, RecordLetter, decode_letter, encode_letter
from sitewire.schemas.envelope import Envelope
from sitewire.schemas.errors import EnvelopeError, EnvelopeTooLarge, MalformedEnvelope, UnknownVersion
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Position, Receipt, StreamKey, decode_receipt, encode_receipt
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.retry import LetterName, RetryOf, RetrySubject, Taken, decode_retry, encode_retry
from sitewire.schemas.subject import RunKey, Subject

WRITER = "0123456789abcdef0123456789abcdef"
RAW_WRITER = bytes.fromhex(WRITER)
SCALARS = Subject(RunKey("site", "run"), RecordClass.SCALARS, WRITER)
RUN = Subject(RunKey("site", "run"), RecordClass.RUN, WRITER)

Body = dict[str, object]
Decoder = Callable[[bytes], object]

MILLION = 1_000_000
DEEP = msgpack.packb(0)
for _ in range(1000):
    DEEP = b"\x91" + DEEP


def envelope_body(**changes: object) -> Body:
    record = (0, "loss", 0.5, 1.7e9, 1)
    return {"v": 1, "w": RAW_WRITER, "c": "scalars", "f": 0, "e": "default", "h": (), "r": (record,)} | changes


def decode_scalars(data: bytes) -> Envelope:
    return decode_envelope(data, SCALARS)


def decode_run(data: bytes) -> Envelope:
    return decode_envelope(data, RUN)


def samples() -> Iterator[tuple[bytes, Decoder]]:
    """One good message of each sort, with its decoder."""
    scalars = [Record(Kind.SCALAR, "loss", i / 7, 1.7e9 + i, i, round=i, context="train") for i in range(3)]
    plain = [Record(Kind.SCALAR, "loss", i / 7, 1.7e9 + i, i) for i in range(3)]
    run = [
        Record(Kind.RUN_START, "start", {"host": "a", "n": 1}, 1.7e9),
        Record(Kind.HPARAMS, "hp", {"params": {"lr": 0.1}, "metrics": ("loss",)}, 1.7e9),
        Record(Kind.RUN_END, "end", "finished", 1.7e9),
    ]
    holes = (Hole(HoleName.DROPPED, 11, 4), Hole(HoleName.DAMAGED, 16, 1))
    yield encode_envelope(WRITER, RecordClass.SCALARS, 10, [pack_record(r) for r in scalars], holes), decode_scalars
    yield encode_envelope(WRITER, RecordClass.SCALARS, 10, [pack_record(r) for r in plain], holes), decode_scalars
    yield encode_envelope(WRITER, RecordClass.RUN, 0, [pack_record(r) for r in run]), decode_run
    account = Account({RecordClass.RUN: ClassAccount(3, 2, 1)}, True, False, {"not a number": 4}, "mnist", 1.7e9)
    yield encode_account(account), decode_account
    position = Position(1, 2, 3, 4, 5, {HoleName.EXPIRED: 6})
    place = Place("hq", SCALARS.key, StreamKey(WRITER, RecordClass.SCALARS), 7)
    for letter in (
        RecordLetter(place, "no", "BatchRefused", "null:", 1.7e9, "default", pack_record(plain[0])),
        MessageLetter("hq", 7, "no", "MalformedEnvelope", "null:", 1.7e9, "metrics.0.a", 3, b"abc"),
        HoleNote(place, "null:", 1.7e9, 3),
    ):
        yield encode_letter(letter), partial(decode_letter, letter.subject)
    again = encode_envelope(RetryOf.RECORDS + WRITER[8:], RecordClass.SCALARS, 0, [pack_record(plain[0])])
    names = [LetterName(3, place.subject("record"))]
    retry = RetrySubject("hq", SCALARS.key, RecordClass.SCALARS)
    yield encode_retry("null:", names, [Taken(WRITER, 1, 2)], again), lambda data: decode_retry(data, retry)
    yield encode_receipt(Receipt("null:", {StreamKey(WRITER, RecordClass.RUN): position}, 1, 1.0, 2.0)), decode_receipt


KINDS = ["rare", "plain", "run", "account", "dead record", "dead message", "dead hole", "retry", "receipt"]
SAMPLES = list(samples())
decoders = pytest.mark.parametrize(("data", "decode"), SAMPLES, ids=KINDS)


@decoders
def test_the_untouched_message_is_read(data: bytes, decode: Decoder) -> None:
    decode(data)


@decoders
def test_a_message_cut_anywhere_is_refused(data: bytes, decode: Decoder) -> None:
    for length in range(len(data)):
        with pytest.raises(EnvelopeError):
            decode(data[:length])


@decoders
def test_a_message_with_bytes_behind_its_end_is_refused(data: bytes, decode: Decoder) -> None:
    for tail in (b"\0", b"\xc0", data):
        with pytest.raises(EnvelopeError):
            decode(data + tail)


@decoders
def test_every_byte_can_be_any_other_byte(data: bytes, decode: Decoder) -> None:
    random_bytes = random.Random(7)
    for position in range(len(data)):
        for byte in {0x00, 0xC0, 0xC1, 0xC7, 0xD4, 0xDD, 0xDF, 0xFF, random_bytes.randrange(256)}:
            _survives(decode, data[:position] + bytes([byte]) + data[position + 1 :])


@decoders
def test_bytes_can_be_moved_doubled_and_removed(data: bytes, decode: Decoder) -> None:
    chance = random.Random(11)
    for _ in range(3000):
        a, b, c = sorted(chance.randrange(len(data) + 1) for _ in range(3))
        _survives(decode, data[:a] + data[b:c] + data[a:b] + data[chance.choice((b, c)) :])


def _survives(decode: Decoder, data: bytes) -> None:
    try:
        decode(data)
    except EnvelopeError as error:
        message = str(error)
    else:
        message = ""
    assert len(message) < 1000  # it goes to logs and dead letters


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary(max_size=20) | st.text("ab"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("vwcfehr", max_size=1), inner, max_size=7),
    max_leaves=12,
)


@given(plain_values)
def test_any_value_at_all_is_refused(value: object) -> None:
    data = msgpack.packb(value)
    for decode in (decode_scalars, decode_account, decode_receipt):
        with pytest.raises(EnvelopeError):
            decode(data)


@given(st.sampled_from("vwcfehr"), plain_values)
def test_any_value_in_any_field_is_refused_or_meant(field: str, value: object) -> None:
    _survives(decode_scalars, msgpack.packb(envelope_body(**{field: value})))


@given(st.integers(0, 5), plain_values)
def test_any_value_in_any_field_of_a_record_is_refused_or_meant(position: int, value: object) -> None:
    record: list[object] = [0, "loss", 0.5, 1.7e9, 1, {"r": 1}]
    record[position] = value
    _survives(decode_scalars, msgpack.packb(envelope_body(r=[record])))


def _hole(first: object, count: object, name: object = "dropped") -> tuple[object, ...]:
    return (name, first, count)


def _record(**changes: object) -> Body:
    fields = {"kind": 0, "name": "loss", "value": 0.5, "time": 1.7e9, "step": 1} | changes
    return {"r": (tuple(fields.values()),)}


MALFORMED: dict[str, Body] = {
    "another writer": {"w": bytes(16)},
    "the writer as text": {"w": WRITER},
    "another class": {"c": "run"},
    "an unknown class": {"c": "pictures"},
    "the class as bytes": {"c": b"scalars"},
    "a negative index": {"f": -1},
    "true for an index": {"f": True},
    "a float for an index": {"f": 1.0},
    "an index over the bound": {"f": limits.MAX_INDEX + 1},
    "an end over the bound": {"f": limits.MAX_INDEX},
    "no experiment": {"e": ""},
    "a long experiment": {"e": "x" * (limits.MAX_EXPERIMENT_BYTES + 1)},
    "one key more": {"x": 1},
    "records as a map": {"r": {}},
    "nothing covered": {"r": ()},
    "too many records": {"r": ((0, "a", 0.5, 1.0, 1),) * (limits.MAX_ENVELOPE_RECORDS + 1)},
    "too many holes": {"h": tuple(_hole(i, 1) for i in range(1, limits.MAX_ENVELOPE_HOLES + 2))},
    "an unknown hole": {"h": (_hole(0, 1, "lost"),)},
    "a hole without a name": {"h": (_hole(0, 1, None),)},
    "an empty hole": {"h": (_hole(0, 0),)},
    "true for a count": {"h": (_hole(0, True),)},
    "holes that overlap": {"h": (_hole(0, 2), _hole(1, 2))},
    "holes that descend": {"h": (_hole(2, 1), _hole(0, 1))},
    "the same hole twice": {"h": (_hole(0, 1), _hole(0, 1))},
    "a hole below the range": {"f": 5, "h": (_hole(4, 1),)},
    "a hole behind the range": {"h": (_hole(2, 1),)},
    "a hole that leaps": {"h": (_hole(2**60, 1),)},
    "a hole over the bound": {"h": (_hole(1, limits.MAX_INDEX),)},
    "holes that add up over the bound": {"h": (_hole(1, 2**61), _hole(1 + 2**61, 2**61))},
    "true for a kind": _record(kind=False),
    "an unknown kind": _record(kind=99),
    "a negative kind": _record(kind=-1),
    "a kind of another class": _record(kind=list(Kind).index(Kind.TAG), value="x"),
    "no name": _record(name=""),
    "a name as bytes": _record(name=b"loss"),
    "a long name": _record(name="x" * (limits.MAX_RECORD_NAME_BYTES + 1)),
    "an integer for a scalar": _record(value=1),
    "a text for a scalar": _record(value="1"),
    "a time that is none": _record(time=math.nan),
    "an endless time": _record(time=math.inf),
    "a negative time": _record(time=-1.0),
    "an integer for a time": _record(time=1),
    "true for a step": _record(step=True),
    "a float for a step": _record(step=1.0),
    "a step over 63 bits": _record(step=2**63),
    "no rare fields": _record(rare={}),
    "nil for rare fields": _record(rare=None),
    "an unknown rare field": _record(rare={"x": 1}),
    "true for a round": _record(rare={"r": True}),
    "a number for a context": _record(rare={"c": 1}),
    "a field too many": _record(rare={"r": 1}, more=1),
    "an extension": {"e": msgpack.ExtType(5, b"")},
    "an extension for an array": {"h": msgpack.ExtType(5, b"")},
    "an extension for a record": {"r": (msgpack.ExtType(5, b""),)},
    "a larger extension": {"e": msgpack.ExtType(5, b"x")},
    "a timestamp": _record(time=msgpack.Timestamp(1, 0)),
}


@pytest.mark.parametrize("changes", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(changes: Body) -> None:
    with pytest.raises(MalformedEnvelope):
        decode_scalars(msgpack.packb(envelope_body(**changes)))


@pytest.mark.parametrize("version", [0, 2, True, 1.0, "1", None, [1], 2**64 - 1])
def test_another_version_is_refused_as_such(version: object) -> None:
    with pytest.raises(UnknownVersion):
        decode_scalars(msgpack.packb(envelope_body(v=version)))


def test_a_key_that_comes_twice_is_refused() -> None:
    body = b"\x88" + msgpack.packb(envelope_body())[1:] + msgpack.packb("f") + msgpack.packb(7)
    with pytest.raises(MalformedEnvelope, match="twice"):
        decode_scalars(body)


@pytest.mark.parametrize("text", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"a\xe9"])
def test_text_that_is_not_utf8_is_refused(text: bytes) -> None:
    good = msgpack.packb(envelope_body(e="#" * len(text)))
    with pytest.raises(MalformedEnvelope):
        decode_scalars(good.replace(b"#" * len(text), text))


def _places(value: bytes) -> Iterator[bytes]:
    """The value, already packed, in every place of an envelope where one can stand."""
    marked: list[Body] = [{key: "#" * 7} for key in "vwcfehr"]
    marked += [{"h": (_hole("#" * 7, 1),)}, {"h": (_hole(0, 1, "#" * 7),)}, {"r": ("#" * 7,)}]
    marked += [_record(**{key: "#" * 7}) for key in ("kind", "name", "value", "time", "step", "rare")]
    marked += [_record(rare={"r": "#" * 7}), _record(rare={"#" * 7: 1})]
    for changes in marked:
        yield msgpack.packb(envelope_body(**changes)).replace(msgpack.packb("#" * 7), value)


def test_nesting_that_no_repr_can_print_is_refused_in_every_place() -> None:
    for data in _places(DEEP):
        with pytest.raises(EnvelopeError):
            decode_scalars(data)
    for data, decode in SAMPLES:
        for text in (b"\xa7scalars", b"\xa3run", b"\xa5mnist", b"\xa5null:", b"\xd9\x20" + WRITER.encode()):
            if text in data:
                with pytest.raises(EnvelopeError):
                    decode(data.replace(text, DEEP))


HUGE = {
    "nested arrays of 2**19": (b"\xdd\x00\x07\xff\x00") * (limits.MAX_ENVELOPE_BYTES // 5),
    "nested arrays of 4096": (b"\xdc\x10\x00") * (limits.MAX_ENVELOPE_BYTES // 3),
    "nested maps of 2**19": (b"\xdf\x00\x07\xff\x00\xa1a") * (limits.MAX_ENVELOPE_BYTES // 7),
    "nested maps of 4096": (b"\xde\x10\x00\xa1a") * (limits.MAX_ENVELOPE_BYTES // 5),
    "nested arrays of one": b"\x91" * limits.MAX_ENVELOPE_BYTES,
    "a text of 4 GB": b"\x81\xa1v\xdb\xff\xff\xff\xff",
    "bytes of 4 GB": b"\x81\xa1v\xc6\xff\xff\xff\xff",
    "an array of 4 G": b"\x81\xa1v\xdd\xff\xff\xff\xff",
    "a map of 4 G": b"\xdf\xff\xff\xff\xff",
    "an extension of 4 GB": b"\x81\xa1v\xc9\xff\xff\xff\xff\x05",
    "a version of half a megabyte": b"\x81\xa1v\xda\xff\xff" + b"x" * 65535,
}


@pytest.mark.parametrize("data", HUGE.values(), ids=HUGE.keys())
def test_what_a_header_announces_costs_neither_memory_nor_time(data: bytes) -> None:
    for decode in (decode_scalars, decode_account):
        memory, seconds = _cost(decode, data)
        assert memory < 64 * MILLION
        assert seconds < 2.0
    memory, seconds = _cost(decode_receipt, data)
    assert memory < 200 * MILLION  # an array may be eight times as long there, and only workers write them
    assert seconds < 2.0


def _cost(decode: Decoder, data: bytes) -> tuple[int, float]:
    tracemalloc.start()
    start = time.perf_counter()
    try:
        with pytest.raises(EnvelopeError):
            decode(data)
        return tracemalloc.get_traced_memory()[1], time.perf_counter() - start
    finally:
        tracemalloc.stop()


def test_too_many_bytes_are_refused_before_they_are_decoded() -> None:
    for decode, limit in (
        (decode_scalars, limits.MAX_ENVELOPE_BYTES),
        (decode_account, limits.MAX_STATE_BYTES),
        (decode_receipt, limits.MAX_RECEIPT_BYTES),
    ):
        data = b"\x91" * (limit + 1)
        with pytest.raises(EnvelopeTooLarge) as caught:
            decode(data)
        assert (caught.value.size, caught.value.limit) == (len(data), limit)


def test_a_record_that_no_dead_letter_could_hold_is_refused() -> None:
    def envelope_of(size: int) -> bytes:
        record = msgpack.packb((list(Kind).index(Kind.TAG), "note", "x" * size, 1.7e9, None))
        head = msgpack.packb(envelope_body(c="run", r=()))[:-1]
        return bytes(head + b"\x91" + record)

    for size in (limits.MAX_RECORD_BYTES - 100, limits.MAX_RECORD_BYTES - 22):
        (record,) = decode_run(envelope_of(size)).records
        assert len(pack_record(record)) <= limits.MAX_RECORD_BYTES
    with pytest.raises(MalformedEnvelope, match=f"a record of {limits.MAX_RECORD_BYTES + 1} bytes"):
        decode_run(envelope_of(limits.MAX_RECORD_BYTES - 21))
