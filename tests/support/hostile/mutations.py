"""Ways to spoil a message: of bytes that nobody understands, and of values whose places are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Final, TypeAlias

from support.hostile.nodes import Node, nodes
from support.hostile.values import VALUES


@dataclass(frozen=True)
class Original:
    """A sound message.

    Attributes:
        sort: what it is, a key of ``sorts.SORTS``.
        subject: that it comes under.
        data: its bytes.
    """

    sort: str
    subject: str
    data: bytes

    @cached_property
    def nodes(self) -> list[Node]:
        """Its values."""
        return nodes(self.data)


Spoil: TypeAlias = Callable[[Random, bytes], bytes]
Misplace: TypeAlias = Callable[[Random, Original], bytes]


def flip(chance: Random, data: bytes) -> bytes:
    """Flip one to eight bits."""
    spoiled = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        if spoiled:
            spoiled[chance.randrange(len(spoiled))] ^= 1 << chance.randrange(8)
    return bytes(spoiled)


def cut(chance: Random, data: bytes) -> bytes:
    """Keep what lies in front of a place."""
    return data[: chance.randrange(len(data) + 1)]


def cut_out(chance: Random, data: bytes) -> bytes:
    """Take a stretch out."""
    first, end = _stretch(chance, data)
    return data[:first] + data[end:]


def insert(chance: Random, data: bytes) -> bytes:
    """Put any bytes in."""
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.randbytes(chance.choice((1, 1, 2, 4, 8, 64))) + data[at:]


def double(chance: Random, data: bytes) -> bytes:
    """Have a stretch twice."""
    first, end = _stretch(chance, data)
    return data[:end] + data[first:end] + data[end:]


def move(chance: Random, data: bytes) -> bytes:
    """Exchange two stretches."""
    a, b, c = sorted(chance.randrange(len(data) + 1) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def trail(chance: Random, data: bytes) -> bytes:
    """Put something behind the end."""
    return data + chance.choice((b"\x00", b"\xc0", b"\xc1", data, chance.randbytes(16)))


def noise(chance: Random, data: bytes) -> bytes:
    """Have nothing of it: any bytes, as many."""
    return chance.randbytes(chance.randrange(len(data) + 1))


def wrong_type(chance: Random, original: Original) -> bytes:
    """Give a value another type."""
    node = chance.choice(original.nodes)
    return _with(original.data, node.start, node.start + 1, bytes([chance.randrange(256)]))


def wrong_length(chance: Random, original: Original) -> bytes:
    """Announce another length: of a header of any width."""
    node = chance.choice([node for node in original.nodes if node.end > node.body or node.body - node.start > 1])
    first = original.data[node.start]
    if node.body - node.start > 1:
        width = node.body - node.start - 1
        length = chance.choice((0, 1, 2 ** (8 * width) - 1, chance.randrange(2 ** (8 * width))))
        return _with(original.data, node.start + 1, node.body, length.to_bytes(width))
    return _with(original.data, node.start, node.start + 1, bytes([(first & 0xF0) | chance.randrange(16)]))


def hostile_value(chance: Random, original: Original) -> bytes:
    """Put a value in the place of another that nobody would log."""
    node = chance.choice(original.nodes)
    return _with(original.data, node.start, node.end, chance.choice(VALUES))


def splice(chance: Random, original: Original, others: Sequence[Original]) -> bytes:
    """Put a value of another message in the place of one."""
    other = chance.choice(others)
    node, taken = chance.choice(original.nodes), chance.choice(other.nodes)
    return _with(original.data, node.start, node.end, other.data[taken.start : taken.end])


def exchange(chance: Random, original: Original) -> bytes:
    """Exchange two values of one message."""
    one, other = sorted((chance.choice(original.nodes) for _ in range(2)), key=lambda node: node.start)
    if other.start < one.end:
        return original.data
    data = original.data
    moved = data[one.end : other.start]
    middle = data[other.start : other.end] + moved + data[one.start : one.end]
    return data[: one.start] + middle + data[other.end :]


def key_twice(chance: Random, original: Original) -> bytes:
    """Have a pair of a map twice, and its header count both."""
    node = chance.choice([node for node in original.nodes if 0 < len(node.pairs) < 15])
    first, end = chance.choice(node.pairs)
    header = bytes([0x80 | (len(node.pairs) + 1)])
    pair = original.data[first:end]
    return original.data[: node.start] + header + pair + original.data[node.body :]


BYTES: Final[Sequence[Spoil]] = (flip, cut, cut_out, insert, double, move, trail, noise)
PLACES: Final[Sequence[Misplace]] = (wrong_type, wrong_length, hostile_value, exchange, key_twice)


def mutated(chance: Random, original: Original, others: Sequence[Original]) -> tuple[str, bytes]:
    """Return a spoiled message, and by what it was spoiled first."""
    kind = chance.randrange(len(BYTES) + len(PLACES) + 1)
    if kind < len(BYTES):
        name, data = BYTES[kind].__name__, BYTES[kind](chance, original.data)
    elif kind < len(BYTES) + len(PLACES):
        place = PLACES[kind - len(BYTES)]
        name, data = place.__name__, place(chance, original)
    else:
        name, data = splice.__name__, splice(chance, original, others)
    while chance.random() < 0.25:  # some are spoiled more than once
        data = chance.choice(BYTES)(chance, data)
    return name, data


def _with(data: bytes, first: int, end: int, other: bytes) -> bytes:
    return data[:first] + other + data[end:]


def _stretch(chance: Random, data: bytes) -> tuple[int, int]:
    first, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return first, min(end, first + chance.choice((1, 8, 64, 4096)))
