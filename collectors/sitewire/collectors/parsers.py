"""One setting from text, or from an argument, to its value. Each raises ``ValueError`` with words for people."""

from __future__ import annotations

import math
import os
import unicodedata
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast, get_args

from sitewire.collectors.spool.policy import LEAST_LIMIT_BYTES, Policy
from sitewire.schemas import limits
from sitewire.schemas.subject import escape

Publish: TypeAlias = Literal["thread", "none"]

MAX_SECONDS: Final = 3600.0
MAX_LABEL_BYTES: Final = 1024
MAX_NOTES_BYTES: Final = 64 * 1024
"""What is said of a run travels in one record, beside other things."""

_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"", "0", "false", "no", "off"})


def name(raw: object) -> str:
    """Read a site or run name: what ``schemas.subject.escape`` takes, without control characters."""
    text = _text(raw)
    if any(unicodedata.category(character) == "Cc" for character in text):
        msg = f"a name must not hold control characters: {text[:40]!r}"
        raise ValueError(msg)
    escape(text)
    return text


def experiment(raw: object) -> str:
    """Read an experiment's name."""
    text = _text(raw)
    if not text or len(text.encode()) > limits.MAX_EXPERIMENT_BYTES:
        msg = f"an experiment's name has 1 to {limits.MAX_EXPERIMENT_BYTES} bytes"
        raise ValueError(msg)
    return text


def run_or_none(raw: object) -> str | None:
    """Read the id of a run; empty is none."""
    return name(raw) if _text(raw) else None


def label(raw: object) -> str | None:
    """Read a few words about a run: its name for people, a group, a job; empty is none."""
    return _at_most(raw, MAX_LABEL_BYTES)


def notes(raw: object) -> str | None:
    """Read text about a run, Markdown where the tracker renders it; empty is none."""
    return _at_most(raw, MAX_NOTES_BYTES)


def url(raw: object) -> str | None:
    """Read the URL of a broker, several of a cluster; empty is none, as templates leave it."""
    # nats-py takes a fifth of a second to import, and a trainer without a URL never needs it.
    from sitewire.broker_config.connection import check_url  # noqa: PLC0415
    from sitewire.broker_config.errors import BrokerError  # noqa: PLC0415

    text = _text(raw)
    if not text:
        return None
    try:
        check_url(text)
    except BrokerError as error:
        raise ValueError(str(error)) from error
    return text


def masked(text: str) -> str:
    """Return a URL without its user and password."""
    from sitewire.broker_config.connection import masked as mask  # noqa: PLC0415  see url()

    return mask(text)


def path(raw: object) -> Path | None:
    """Read a path and make it absolute, for the program may change its directory; empty is none."""
    text = _text(os.fspath(raw) if isinstance(raw, os.PathLike) else raw)
    if not text:
        return None
    if "\0" in text:
        msg = "a path must not hold a NUL character"
        raise ValueError(msg)
    try:
        return Path(text).expanduser().absolute()
    except (OSError, RuntimeError) as error:  # the current directory is gone; there is no home directory
        raise ValueError(str(error)) from error


def publish(raw: object) -> Publish:
    """Read who publishes: ``thread`` of the trainer, or ``none`` of it because a sidecar does."""
    return cast("Publish", _choice(raw, get_args(Publish)))


def policy(raw: object) -> Policy:
    """Read what happens when the spool is at its bound."""
    return cast("Policy", _choice(raw, get_args(Policy)))


def seconds(raw: object) -> float:
    """Read a time in seconds."""
    try:
        value = float(raw) if isinstance(raw, (str, int, float)) else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value <= MAX_SECONDS:
        msg = f"not a number of seconds from 0 to {MAX_SECONDS:g}: {raw!r:.40}"
        raise ValueError(msg)
    return value


def size(raw: object) -> int:
    """Read a number of bytes."""
    try:
        value = int(raw) if isinstance(raw, (str, int)) else 0
    except ValueError:
        value = 0
    if value < LEAST_LIMIT_BYTES:
        msg = f"not a whole number of bytes of at least {LEAST_LIMIT_BYTES}: {raw!r:.40}"
        raise ValueError(msg)
    return value


def flag(raw: object) -> bool:
    """Read a switch."""
    if isinstance(raw, bool):
        return raw
    text = _text(raw).strip().lower()
    if text not in _YES | _NO:
        msg = f"neither 1 nor 0: {text[:40]!r}"
        raise ValueError(msg)
    return text in _YES


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        msg = f"not text but {type(raw).__name__}"
        raise ValueError(msg)  # noqa: TRY004  one type for all that is wrong with a setting
    try:
        raw.encode()
    except UnicodeEncodeError as error:
        msg = f"not text that UTF-8 can hold: {raw[:40]!r}"
        raise ValueError(msg) from error
    return raw


def _at_most(raw: object, size: int) -> str | None:
    text = _text(raw)
    if len(text.encode()) > size:
        msg = f"{len(text.encode())} bytes, there may be {size}"
        raise ValueError(msg)
    return text or None


def _choice(raw: object, allowed: tuple[str, ...]) -> str:
    text = _text(raw)
    if text not in allowed:
        msg = f"not one of {', '.join(allowed)}: {text[:40]!r}"
        raise ValueError(msg)
    return text
