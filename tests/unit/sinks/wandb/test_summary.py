"""The summary that a segment shows: the last word on each key, also where a part of one was said before the whole."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sitewire.workers.sinks.wandb.records import Shown, take

KEYS = st.lists(st.sampled_from("ab"), min_size=1, max_size=3)
VALUES = st.one_of(st.integers(0, 9), st.dictionaries(st.sampled_from("ab"), st.integers(0, 9), max_size=2))


@given(st.lists(st.tuples(KEYS, VALUES), max_size=12))
def test_a_summary_is_what_its_items_make_one_after_the_other(items: list[tuple[list[str], Any]]) -> None:
    shown, expected = Shown(), dict[str, Any]()
    for key, value in items:
        take(shown, field(3, field(1, item(key, value))))
        put(expected, key, value)
    assert shown.summary() == expected


def put(into: dict[str, Any], key: list[str], value: Any) -> None:
    if len(key) == 1:
        into[key[0]] = json.loads(json.dumps(value))
        return
    inner = into.get(key[0])
    into[key[0]] = inner if isinstance(inner, dict) else {}
    put(into[key[0]], key[1:], value)


def item(key: list[str], value: Any) -> bytes:
    parts = [field(1, key[0].encode())] if len(key) == 1 else [field(2, part.encode()) for part in key]
    return b"".join((*parts, field(16, json.dumps(value).encode())))


def field(number: int, data: bytes) -> bytes:
    """Return a field of bytes, as Protocol Buffers have it."""
    key = number << 3 | 2
    return (bytes([key]) if key < 0x80 else bytes([key & 0x7F | 0x80, key >> 7])) + bytes([len(data)]) + data
