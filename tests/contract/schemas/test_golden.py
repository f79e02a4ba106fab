"""Bytes that were written once are read for ever. These tests only read what is checked in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contract.schemas.write_golden import Message, describe, encode
from sitewire.schemas.account import decode_account
from sitewire.schemas.codec import decode_envelope
from sitewire.schemas.dead_letter import decode_letter
from sitewire.schemas.hole import HoleName
from sitewire.schemas.receipt import decode_receipt
from sitewire.schemas.record import Kind
from sitewire.schemas.retry import decode_retry, parse_stored_retry
from sitewire.schemas.subject import parse_account_subject, parse_published, parse_receipt_subject

GOLDEN = Path(__file__).parents[3] / "schemas" / "golden"
VECTORS = sorted(GOLDEN.glob("v*/*.msgpack"))
vectors = pytest.mark.parametrize("path", VECTORS, ids=lambda path: f"{path.parent.name}-{path.stem}")


def _expected(path: Path) -> dict[str, Any]:
    expected: dict[str, Any] = json.loads((path.parent / "expected.json").read_text())[path.stem]
    return expected


def _decode(path: Path) -> Message:
    subject, data = _expected(path)["subject"], path.read_bytes()
    if subject.startswith("account."):
        parse_account_subject(subject)
        return decode_account(data)
    if subject.startswith("receipt."):
        parse_receipt_subject(subject)
        return decode_receipt(data)
    if subject.startswith("dead."):
        return decode_letter(subject, data)
    if subject.startswith("retry."):
        return decode_retry(data, parse_stored_retry(subject)[1])
    return decode_envelope(data, parse_published(subject))


def _kept(value: object) -> str:
    """JSON text keeps 1 and 1.0, and 0.0 and -0.0, apart."""
    return json.dumps(value, sort_keys=True)


@vectors
def test_old_bytes_mean_what_they_meant(path: Path) -> None:
    assert _kept(describe(_decode(path))) == _kept(_expected(path)["is"])


@vectors
def test_the_same_message_is_still_written_as_the_same_bytes(path: Path) -> None:
    assert encode(_decode(path)) == path.read_bytes()


def test_each_vector_is_described_and_each_description_has_its_vector() -> None:
    for folder in GOLDEN.glob("v*"):
        described = json.loads((folder / "expected.json").read_text()).keys()
        assert sorted(described) == sorted(path.stem for path in folder.glob("*.msgpack"))


def test_there_is_a_vector_of_every_kind_hole_and_rare_field() -> None:
    everything = [_expected(path)["is"] for path in VECTORS]
    records = [record for item in everything for record in item.get("records", ())]
    assert {record["kind"] for record in records} == set(Kind)
    assert {hole["name"] for item in everything for hole in item.get("holes", ())} == set(HoleName)
    assert {"step", "round", "epoch", "context", "series"} <= {key for record in records for key in record}
