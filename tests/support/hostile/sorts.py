"""The sorts of messages that come from outside, as MessagePack: how each is decoded, and that it means what it says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

from contract.schemas.write_golden import Message, describe, encode
from sitewire.schemas.account import decode_account
from sitewire.schemas.codec import decode_envelope
from sitewire.schemas.dead_letter import decode_letter
from sitewire.schemas.receipt import decode_receipt
from sitewire.schemas.retry import decode_retry, parse_stored_retry
from sitewire.schemas.subject import parse_published

Decode = Callable[[str, bytes], Message]

SORTS: Final[Mapping[str, Decode]] = {
    "envelope": lambda subject, data: decode_envelope(data, parse_published(subject)),
    "account": lambda _, data: decode_account(data),
    "receipt": lambda _, data: decode_receipt(data),
    "letter": decode_letter,
    "retry": lambda subject, data: decode_retry(data, parse_stored_retry(subject)[1]),
}


def written_again(sort: str, subject: str, message: Message) -> None:
    """Assert that a message which was decoded can be written, and is the same then.

    Raises:
        AssertionError: it is not.
    """
    data = encode(message)
    again = SORTS[sort](subject, data)
    assert said(again) == said(message), f"{said(message)[:500]} became {said(again)[:500]}"
    assert encode(again) == data, "a third writing differs"


def said(message: Message) -> str:
    """Return what a message says as one text; 1 and 1.0, NaN and infinity are kept apart."""
    return json.dumps(describe(message), sort_keys=True)
