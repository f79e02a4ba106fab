"""Where the values of a MessagePack message lie: a mutation that knows it gets further than one that does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_LENGTHS: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
"""Bytes of the length behind each type that has one."""

_FIXED: Final = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
"""Bytes behind each type of a number."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value.

    Attributes:
        start: of its type's byte.
        body: behind its header.
        end: behind all of it.
        pairs: of a map, where each key begins and each value ends.
    """

    start: int
    body: int
    end: int
    pairs: tuple[tuple[int, int], ...] = ()


def nodes(data: bytes) -> list[Node]:
    """Return all values of a sound message, in the order of their beginnings."""
    return sorted(_walk(data, 0), key=lambda node: node.start)


def _walk(data: bytes, at: int) -> Iterator[Node]:
    """Yield what lies in the value at a place, and that value last."""
    first = data[at]
    size = _LENGTHS.get(first, 0)
    body = at + 1 + size
    length = int.from_bytes(data[at + 1 : body]) if size else first & (0x1F if 0xA0 <= first <= 0xBF else 0x0F)
    if 0x80 <= first <= 0x9F or 0xDC <= first <= 0xDF:
        yield from _container(data, at, body, length, is_map=first < 0x90 or first >= 0xDE)
    elif 0xA0 <= first <= 0xBF or size:
        yield Node(at, body, body + length)
    else:
        yield Node(at, at + 1, at + 1 + _FIXED.get(first, 0))


def _container(data: bytes, start: int, body: int, length: int, *, is_map: bool) -> Iterator[Node]:
    end, ends = body, [body]
    for _ in range(2 * length if is_map else length):
        found = list(_walk(data, end))
        yield from found
        end = found[-1].end
        ends.append(end)
    pairs = tuple(zip(ends[:-1:2], ends[2::2], strict=True)) if is_map else ()
    yield Node(start, body, end, pairs)
