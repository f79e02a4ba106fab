"""Where MLflow is: a server's URL, or an SQLite file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sitewire.workers.sinks.files import absolute

_PORTS: Final = {"http": 80, "https": 443}
_SQLITE: Final = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Address:
    """A tracking URI in the one form that all spellings of it have.

    Attributes:
        uri: ``https://host/path`` without a slash at its end, or ``sqlite:////folder/file``.
        database: the file of an SQLite store; None if it is a server.
    """

    uri: str
    database: Path | None = None


def check_uri(uri: str) -> str:
    """Return the URI if it is one that the sink can write to.

    Raises:
        ValueError: it is not; the message says what to write instead, and repeats no secret.
    """
    fault = _fault_of_file(uri) if uri.startswith(_SQLITE) else _fault_of_url(uri)
    if fault:
        raise ValueError(fault)
    return uri


def address_of(uri: str, base: Path) -> Address:
    """Return the address of a URI that is checked; the path of an SQLite file begins at ``base``."""
    if uri.startswith(_SQLITE):
        file = absolute(Path(uri.removeprefix(_SQLITE)), base)
        return Address(f"{_SQLITE}{file}", file)
    parts = urlsplit(uri)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _PORTS[scheme]) else f":{parts.port}"
    return Address(f"{scheme}://{host}{port}{parts.path.rstrip('/')}")


def _fault_of_file(uri: str) -> str:
    if not uri.removeprefix(_SQLITE).strip("/") or "?" in uri:
        return "sqlite:///FILE, or sqlite:////FOLDER/FILE, and nothing behind the file's name"
    return ""


def _fault_of_url(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme.lower() not in _PORTS or not parts.hostname:
        return "http://HOST:PORT or https://HOST:PORT of a tracking server, or sqlite:///FILE"
    if parts.username is not None or parts.password is not None:
        return "no user or password in the URI: use username and password_file, or token_file"
    if parts.query or parts.fragment:
        return "nothing behind the path of the URI"
    return "a port is a number" if parts.port == 0 else ""  # any other that is none raises here
