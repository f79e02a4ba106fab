"""Subject patterns: what people write in a route, and how two of them lie to each other.

A pattern is a subject in which ``*`` stands for one token and a last ``>`` for one or more. Records
have subjects of exactly five tokens, so every pattern can be written with five: ``metrics.a.>`` is
``metrics.a.*.*.*``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from sitewire.broker_config.errors import Misuse
from sitewire.schemas.errors import NameRefused, SubjectError
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import METRICS, escape, parse_writer, unescape

ANY: Final = "*"
REST: Final = ">"
TOKENS: Final = 5
"""Of a published subject: ``metrics.<site>.<run>.<class>.<writer>``."""

_CLASS: Final = 3
_BLANK: Final = re.compile(r"\s")


class PatternRefused(Misuse, ValueError):
    """A subject pattern that can match no record.

    Attributes:
        suggestion: what was probably meant, or an empty string.
        token: the token that is wrong, or an empty string.
    """

    def __init__(self, message: str, *, token: str = "", suggestion: str = "") -> None:
        super().__init__(message)
        self.token = token
        self.suggestion = suggestion


def expand(pattern: str) -> str:
    """Write a pattern with exactly five tokens.

    Raises:
        PatternRefused: it is not a pattern of records, or a token in it cannot occur.
    """
    tokens = pattern.split(".")
    if tokens[0] != METRICS:
        msg = f"a pattern begins with `{METRICS}.`"
        raise PatternRefused(msg, token=tokens[0], suggestion=_with_prefix(pattern))
    if tokens[-1] == REST and len(tokens) <= TOKENS:
        tokens[-1:] = [ANY] * (TOKENS - len(tokens) + 1)
    if len(tokens) != TOKENS:
        msg = f"a pattern is {METRICS}.<site>.<run>.<class>.<writer>, or ends with `>`; this has {len(tokens)} tokens"
        raise PatternRefused(msg, suggestion=_with_rest(pattern, len(tokens)))
    for token in tokens:
        _check_wildcards(token)
    _check_tokens(tokens)
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


def _check_wildcards(token: str) -> None:
    if not token or _BLANK.search(token):
        msg = "a token is empty or has a blank in it"
        raise PatternRefused(msg, token=token)
    if token != ANY and any(sign in token for sign in (ANY, REST)):
        msg = f"`{ANY}` stands for a whole token, and `{REST}` only at the end"
        raise PatternRefused(msg, token=token, suggestion=ANY)


def _check_tokens(tokens: list[str]) -> None:
    _, site, run, record_class, writer = tokens
    for token in (site, run):
        if token != ANY:
            _check_name(token)
    if record_class not in (ANY, *RecordClass):
        msg = f"there is no class `{record_class}`; there are {', '.join(RecordClass)}"
        raise PatternRefused(msg, token=record_class)
    if writer != ANY:
        try:
            parse_writer(writer)
        except SubjectError as error:
            raise PatternRefused(str(error), token=writer, suggestion=ANY) from error


def _check_name(token: str) -> None:
    try:
        unescape(token)
    except SubjectError as error:
        msg = f"`{token}` is not how a site or run is written in a subject"
        raise PatternRefused(msg, token=token, suggestion=_escaped(token)) from error


def _escaped(token: str) -> str:
    try:
        return escape(token)
    except NameRefused:
        return ""


def _with_prefix(pattern: str) -> str:
    return f"{METRICS}.{pattern}" if pattern else f"{METRICS}.{REST}"


def _with_rest(pattern: str, count: int) -> str:
    return f"{pattern}.{REST}" if count < TOKENS else ""
