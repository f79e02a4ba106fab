"""The AsyncAPI 3 document of what travels, for people who write the other end in another language.

Checked in as ``schemas/asyncapi.json``; ``sitewire schema`` prints it. Its rules are those of
https://www.asyncapi.com/docs/reference/specification/v3.0.0.
"""

from __future__ import annotations

import json
from typing import Any

from sitewire.schemas import limits
from sitewire.schemas.json_schema import Schema, ref, schemas
from sitewire.schemas.record import CLASS_OF, RecordClass
from sitewire.schemas.subject import ACCOUNT, DEAD, METRICS, RECEIPT, RETRY

_TOKEN = (
    f"At most {limits.MAX_NAME_CHARACTERS} characters and, escaped, {limits.MAX_TOKEN_BYTES} bytes: A-Za-z0-9_- stand "
    "for themselves, every other byte of the UTF-8 is =XX in upper case."
)
_PARAMETERS: dict[str, Schema] = {
    "site": {"description": f"The site's name; its credentials allow no other. {_TOKEN}"},
    "run": {"description": f"The id that all sites of a job share. {_TOKEN}"},
    "class": {"description": "The class of the records.", "enum": [str(name) for name in RecordClass]},
    "writer": {"description": f"{limits.WRITER_BYTES} random bytes in lower-case hexadecimal, new for each process."},
    "partition": {"description": "A number that the stream puts in on arrival, from a hash of site and run."},
    "route": {"description": f"The route's name. {_TOKEN}"},
    "index": {"description": "An index of the writer's records of that class."},
    "sequence": {"description": "Of the message in the stream of metrics."},
}


def document() -> dict[str, Any]:
    """Return the document as plain values."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "sitewire",
            "version": f"{limits.SCHEMA_VERSION}.0.0",
            "description": "Metrics of training runs over NATS JetStream: envelopes of numbered records on their way "
            "from collectors to workers, and the accounts and receipts that count them.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/msgpack",
        "channels": _channels(),
        "operations": _operations(),
        "components": {"messages": _messages(), "schemas": schemas()},
    }


def text() -> str:
    """Return the document as JSON, the same text each time."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _channels() -> dict[str, Schema]:
    envelopes = [name for name in _messages() if name.startswith("envelope_")]
    metrics = "{site}.{run}.{class}.{writer}"
    again = "{route}.{site}.{run}.{class}"
    return {
        "metrics": _channel(f"{METRICS}.{metrics}", "As a collector publishes.", envelopes),
        "metrics_stored": _channel(f"{METRICS}.{{partition}}.{metrics}", "As the stream stores it.", envelopes),
        "account": _channel(f"{ACCOUNT}.{{site}}.{{run}}.{{writer}}", "The last one of each writer.", ["account"]),
        "receipt": _channel(
            f"{RECEIPT}.{{route}}.{{site}}.{{run}}", "The last one of each run in a route.", ["receipt"]
        ),
        "dead_record": _channel(
            f"{DEAD}.{{route}}.record.{metrics}.{{index}}", "Records that a tracker refused.", ["dead_record"]
        ),
        "dead_message": _channel(
            f"{DEAD}.{{route}}.message.{{sequence}}", "Messages that could not be read.", ["dead_message"]
        ),
        "dead_hole": _channel(
            f"{DEAD}.{{route}}.hole.{metrics}.{{index}}", "What such messages left empty.", ["dead_hole"]
        ),
        "retry": _channel(f"{RETRY}.{again}", "As `dlq retry` publishes.", ["retry"]),
        "retry_stored": _channel(f"{RETRY}.{{partition}}.{again}", "As the stream stores it.", ["retry"]),
    }


def _channel(address: str, description: str, messages: list[str]) -> Schema:
    return {
        "address": address,
        "description": description,
        "parameters": {name: text for name, text in _PARAMETERS.items() if f"{{{name}}}" in address},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _operations() -> dict[str, Schema]:
    return {
        "publish_metrics": _operation(
            "send",
            "metrics",
            "A collector publishes, one envelope in flight a writer and class, until the stream acknowledges.",
        ),
        "deliver_metrics": _operation(
            "receive", "metrics_stored", "A worker reads, and acknowledges what its sink has committed."
        ),
        "publish_account": _operation(
            "send", "account", "A publisher says what its writer has and what the stream has of it."
        ),
        "read_account": _operation("receive", "account", "A worker asks whether a missing index can still come."),
        "write_receipt": _operation(
            "send", "receipt", "A worker says what became of each index, at most once a second."
        ),
        "write_dead_record": _operation("send", "dead_record", "A worker keeps what a tracker refused, and goes on."),
        "write_dead_message": _operation("send", "dead_message", "A worker keeps what it cannot read, and goes on."),
        "write_dead_hole": _operation("send", "dead_hole", "A worker notes indexes that such messages left empty."),
        "publish_retry": _operation("send", "retry", "The command line sends dead letters once more."),
        "deliver_retry": _operation("receive", "retry_stored", "A worker delivers them as any envelope."),
        "read_receipt": _operation("receive", "receipt", "The command line shows what arrived."),
    }


def _operation(action: str, channel: str, summary: str) -> Schema:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _messages() -> dict[str, Schema]:
    classes = [record_class for record_class in RecordClass if record_class in CLASS_OF.values()]
    envelopes = {
        f"envelope_{name}": _message(f"envelope_{name}", f"Records of the class {name}.", limits.MAX_ENVELOPE_BYTES)
        for name in classes
    }
    return envelopes | {
        "account": _message("account", "The state of one writer.", limits.MAX_STATE_BYTES),
        "receipt": _message("receipt", "What became of a run in a route.", limits.MAX_RECEIPT_BYTES),
        "dead_record": _message("dead_record", "A record that a tracker refused.", limits.MAX_LETTER_BYTES),
        "dead_message": _message("dead_message", "A message that could not be read.", limits.MAX_LETTER_BYTES),
        "dead_hole": _message("dead_hole", "Indexes that such messages left empty.", limits.MAX_LETTER_BYTES),
        "retry": _message("retry", "Records that are sent once more.", limits.MAX_RETRY_BYTES),
    }


def _message(name: str, summary: str, max_bytes: int) -> Schema:
    return {
        "name": name,
        "summary": summary,
        "description": f"At most {max_bytes} bytes. No key comes twice, no extension types, nothing behind the end.",
        "contentType": "application/msgpack",
        "payload": ref(name),
    }
