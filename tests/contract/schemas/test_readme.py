"""The worked example of schemas/README.md is what the code writes, and its numbers are the code's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sitewire.schemas import limits
from sitewire.schemas.codec import KIND_NUMBER, decode_envelope, encode_envelope, pack_record
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.record import CLASS_OF, Kind, Record, RecordClass
from sitewire.schemas.subject import escape, parse_published

README = (Path(__file__).parents[3] / "schemas" / "README.md").read_text()
FIRST = Record(Kind.SCALAR, "loss", 0.5, 1795258800.125, 7)
SECOND = Record(Kind.SCALAR, "loss", 0.25, 1795258801.125, 8, context="train")


def _bytes(name: str) -> bytes:
    block = re.search(rf"<!-- {name} -->\n\n((?:    [0-9a-f ]+\n)+)\n", README)
    assert block, f"no hexadecimal block {name}"
    return bytes.fromhex(block[1])


def test_the_record_is_what_the_code_writes() -> None:
    assert _bytes("record") == pack_record(FIRST)
    assert f"is {len(_bytes('record'))} bytes" in README


def test_the_envelope_is_what_the_code_writes_and_reads() -> None:
    data = _bytes("envelope")
    subject = re.search(r"`(metrics\.hospital-a\.[^`<]+)`", README)
    assert subject
    envelope = decode_envelope(data, parse_published(subject[1]))
    assert envelope.records == (FIRST, SECOND)
    assert envelope.holes == (Hole(HoleName.DROPPED, 41, 3),)
    packed = [pack_record(record) for record in envelope.records]
    assert data == encode_envelope(envelope.writer, RecordClass.SCALARS, 40, packed, envelope.holes, "digits")


def test_the_escaped_name_is_what_the_code_writes() -> None:
    assert f"`Hôpital Nº 4` is `{escape('Hôpital Nº 4')}`" in README


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_has_its_row(kind: Kind) -> None:
    assert f"| {KIND_NUMBER[kind]} | {kind} | {CLASS_OF[kind]} |" in README


def test_the_limits_are_the_codes() -> None:
    assert limits.MAX_ENVELOPE_RECORDS == limits.MAX_ITEMS
    for sentence in (
        f"of more than {limits.MAX_ITEMS} items",
        f"names of 1 to {limits.MAX_NAME_CHARACTERS} characters",
        f"at most {limits.MAX_TOKEN_BYTES} bytes",
        f"text, 1 to {limits.MAX_RECORD_NAME_BYTES} bytes",
        f"{limits.MAX_ENVELOPE_HOLES} holes and {limits.MAX_ENVELOPE_BYTES} bytes",
        f"1 to {limits.MAX_EXPERIMENT_BYTES} bytes",
    ):
        assert sentence in " ".join(README.split())
