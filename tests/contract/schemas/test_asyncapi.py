"""The AsyncAPI document is current, valid, and true of real messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgpack
import pytest

from contract.schemas.write_golden import MESSAGES, Message, encode, subject_of
from sitewire.schemas.asyncapi import document, text
from sitewire.schemas.record import CLASS_OF

ROOT = Path(__file__).parents[3]
DOCUMENT = document()
# From the npm package @asyncapi/specs 6.11.1 (Apache-2.0), its examples and descriptions left out.
SPECIFICATION = json.loads((Path(__file__).parent / "asyncapi-3.0.0.schema.json").read_text())


def _json(value: Any) -> Any:  # as JSON would have it: arrays are lists, bytes one character each
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _problems(name: str, body: Any) -> list[str]:
    schema = {"$ref": DOCUMENT["components"]["messages"][name]["payload"]["$ref"], "components": DOCUMENT["components"]}
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(_json(body))]


def _message_name(message: Message) -> str:
    channel, *tokens = subject_of(message).split(".")
    if channel == "dead":
        return f"dead_{tokens[1]}"
    return f"envelope_{tokens[2]}" if channel == "metrics" else channel


DESCRIBED = {name: item for name, item in MESSAGES.items() if _message_name(item) in DOCUMENT["components"]["messages"]}
OPTIONAL = {"forked", "failed", "stopped", "ending"}
messages = pytest.mark.parametrize("message", DESCRIBED.values(), ids=DESCRIBED.keys())


def test_the_document_that_is_checked_in_is_current() -> None:
    assert (ROOT / "schemas" / "asyncapi.json").read_text() == text(), "run: sitewire schema > schemas/asyncapi.json"


def test_the_document_is_valid_asyncapi() -> None:
    jsonschema.Draft7Validator(SPECIFICATION).validate(DOCUMENT)


@pytest.mark.parametrize("part", ["channels", "operations", "info"])
def test_a_document_without_a_channel_address_or_action_would_not_be_valid(part: str) -> None:
    broken = json.loads(text())
    broken[part] = {"x": {"action": "shout", "address": 1}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(SPECIFICATION).validate(broken)


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_every_payload_schema_is_a_json_schema(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(DOCUMENT["components"]["schemas"][name])


def test_every_reference_leads_somewhere() -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            found = [item for key, item in value.items() if key == "$ref"]
            return found + [item for inner in value.values() for item in references(inner)]
        return [item for inner in value for item in references(inner)] if isinstance(value, list) else []

    for reference in references(DOCUMENT):
        target: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


@messages
def test_real_messages_are_what_the_document_says(message: Message) -> None:
    assert _problems(_message_name(message), msgpack.unpackb(encode(message))) == []


@messages
def test_a_message_with_a_field_missing_mistyped_or_added_is_not(message: Message) -> None:
    body = msgpack.unpackb(encode(message))
    for key in body:
        assert key in OPTIONAL or _problems(_message_name(message), {k: v for k, v in body.items() if k != key})
        assert _problems(_message_name(message), body | {key: object()})
    assert _problems(_message_name(message), body | {"more": 1})


@pytest.mark.parametrize("position", range(5))
def test_a_record_with_a_wrong_field_is_not(position: int) -> None:
    body = msgpack.unpackb(encode(MESSAGES["scalars"]))
    body["r"][0][position] = ["wrong"]
    assert _problems("envelope_scalars", body)


def test_every_kind_is_described() -> None:
    assert {f"record_{kind}" for kind in CLASS_OF} <= DOCUMENT["components"]["schemas"].keys()
