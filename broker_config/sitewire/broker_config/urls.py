"""Where a broker is, as people write it: one URL, or one for each server of a cluster with commas between them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from sitewire.broker_config.errors import Misuse

DEFAULT_PORT: Final = 4222

_SCHEMES: Final = ("nats", "tls")
_BETWEEN: Final = re.compile(r"\s*,\s*(?=[a-z]+://)")
"""A comma that another URL follows: a password may hold one."""


def split_urls(text: str) -> tuple[str, ...]:
    """Return one URL for each server."""
    return tuple(_BETWEEN.split(text.strip()))


def masked(text: str) -> str:
    """Return the URLs with ``***`` in the place of user and password, whatever is wrong with them otherwise."""
    return ",".join(map(_masked, split_urls(text)))


def check_url(text: str) -> None:
    """Refuse what cannot be the URL of a server, or a list of them.

    Raises:
        Misuse: one is not ``nats://host[:port]`` or ``tls://host[:port]``.
    """
    for url in split_urls(text):
        if not _is_url(url):
            hint = "; of a cluster several, with commas between them" if "," in url else ""
            msg = f"not the URL of a broker, which is nats://host:port or tls://host:port{hint}: {_masked(url)!r}"
            raise Misuse(msg)


def address_of(url: str) -> tuple[str, int]:
    """Return the host and port of a URL that was checked."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or DEFAULT_PORT


def share_a_server(one: str, other: str) -> bool:
    """Whether two texts name one broker: a cluster may be known by any of its servers."""
    return one == other or not _addresses(one).isdisjoint(_addresses(other))


def _addresses(text: str) -> set[tuple[str, int]]:
    return {address_of(url) for url in split_urls(text) if _is_url(url)}


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme in _SCHEMES and bool(host) and "," not in host and parts.port != 0
    except ValueError:
        return False


def _masked(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***" if "@" in url else url
    _, at, host = parts.netloc.rpartition("@")
    if not at:
        # Without `//` the user info is part of the path.
        return f"***@{url.rpartition('@')[2]}" if "@" in url else url
    return urlunsplit(parts._replace(netloc=f"***@{host}"))
