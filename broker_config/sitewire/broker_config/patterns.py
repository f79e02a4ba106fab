"""Subject patterns: what people write in a route, and how two of them lie to each other.

A pattern is a subject in which ``*`` stands for one token and a last ``>`` for one or more. Records
have subjects of exactly five tokens, so every pattern can be written with five: ``metrics.a.>`` is
``metrics.a.*.*.*``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sitewire.broker_config.errors import Misuse
from sitewire.broker_config.suggest import did_you_mean
from sitewire.schemas.errors import NameRefused, SubjectError
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import METRICS, escape, parse_writer, unescape

ANY: Final = "*"
REST: Final = ">"
TOKENS: Final = 5
"""Of a published subject: ``metrics.<site>.<run>.<class>.<writer>``."""


class PatternRefused(Misuse, ValueError):
    """A subject pattern that can match no record.

    Attributes:
        suggestion: what to write, as a sentence's end; may be empty.
    """

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.suggestion = suggestion


def expand(pattern: str) -> str:
    """Write a pattern with exactly five tokens.

    Raises:
        PatternRefused: it is not a pattern of records, or a token in it cannot occur.
    """
    tokens = pattern.split(".")
    if tokens[0] != METRICS:
        msg = f"a pattern begins with `{METRICS}.`"
        raise PatternRefused(msg, f"write `{METRICS}.{pattern or REST}`")
    if tokens[-1] == REST and len(tokens) <= TOKENS:
        tokens[-1:] = [ANY] * (TOKENS - len(tokens) + 1)
    if len(tokens) != TOKENS:
        msg = f"a pattern is {METRICS}.<site>.<run>.<class>.<writer>, or ends with `>`; this has {len(tokens)} tokens"
        raise PatternRefused(msg, f"write `{pattern}.{REST}`" if len(tokens) < TOKENS else "")
    for token, check in zip(tokens[1:], (_check_name, _check_name, _check_class, _check_writer), strict=True):
        if token != ANY:
            check(token)
    return ".".join(tokens)


def contains(outer: str, inner: str) -> bool:
    """Whether every subject that ``inner`` matches is matched by ``outer``; both have the same number of tokens."""
    return all(a in (ANY, b) for a, b in zip(outer.split("."), inner.split("."), strict=True))


def overlap(left: str, right: str) -> bool:
    """Whether a subject exists that both match; both have the same number of tokens."""
    return all(ANY in (a, b) or a == b for a, b in zip(left.split("."), right.split("."), strict=True))


def without_contained(patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns, sorted, without those that another one contains.

    The server refuses a consumer with a filter inside another one; filters that overlap without
    that are fine, and a message that two of them match is delivered once (both measured on 2.15.1).
    """
    found = sorted(set(patterns))
    return tuple(item for item in found if not any(other != item and contains(other, item) for other in found))


def _check_name(token: str) -> None:
    if not token:
        msg = "a token is empty"
        raise PatternRefused(msg, f"write `{ANY}` for any")
    if ANY in token or REST in token:
        msg = f"`{ANY}` stands for a whole token, and `{REST}` for all that follow"
        raise PatternRefused(msg, f"write `{ANY}` in the place of `{token}`")
    try:
        unescape(token)
    except SubjectError as error:
        msg = f"`{token}` is not how a site or run is written in a subject"
        raise PatternRefused(msg, _escaped(token)) from error


def _check_class(token: str) -> None:
    if token not in tuple(RecordClass):
        msg = f"there is no class `{token}`"
        raise PatternRefused(msg, did_you_mean(token, RecordClass))


def _check_writer(token: str) -> None:
    try:
        parse_writer(token)
    except SubjectError as error:
        raise PatternRefused(str(error), f"write `{ANY}` for any") from error


def _escaped(token: str) -> str:
    try:
        return f"write `{escape(token)}`"
    except NameRefused as error:
        return str(error)
