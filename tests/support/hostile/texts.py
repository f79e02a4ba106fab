"""Ways to spoil a text: a config file, or JSON that others may write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Final

from support.hostile.mutations import BYTES

JSON: Final[Sequence[bytes]] = (
    *(b"null", b"true", b"-1", b"0.5", b"1e999", b"-1e999", b"NaN", b"Infinity", b"-Infinity", b"1e-400"),
    *(b"9" * 30, b"9" * 5000, b"4611686018427387904", b"1152921504606846976", b"0"),
    *(b'""', b'"\\ud800"', b'"\\u0000"', b'"\xff"', b'"\xed\xa0\x80"', b'"\\u001b[2J"', b'"' + b"x" * 10_000 + b'"'),
    *(b"[]", b"{}", b"[0,1,2]", b'{"v":1}', b"[[[[]]]]", b"[" * 900 + b"]" * 900, b"[" * 100_000, b'{"a":' * 100_000),
)
"""In the place of any value."""


_VALUE: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\w.*>/+-]+')


def spoiled(chance: Random, text: bytes, values: Sequence[bytes] = JSON) -> bytes:
    """Return a text with a value replaced, or bytes spoiled, or both."""
    if chance.random() < 0.7:
        text = _replaced(chance, text, values)
    while chance.random() < 0.3:
        text = chance.choice(BYTES)(chance, text)
    return text


def _replaced(chance: Random, text: bytes, values: Sequence[bytes]) -> bytes:
    """Put a value in the place of another, or of all that lies between two."""
    there = list(_VALUE.finditer(text))
    if not there:
        return text + chance.choice(values)
    first = chance.choice(there)
    last = first if chance.random() < 0.8 else chance.choice(there)
    return text[: first.start()] + chance.choice(values) + text[max(first.end(), last.end()) :]
