"""What the client's own log says of an upload: the only place where it says that it has given up.

``log`` and ``finish`` return as if nothing were wrong, and what ``deliver_network_status`` says is told once, to
whoever asks first: the client itself asks every few seconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE: Final = Path("logs", "debug-internal.log")
"""Beside the run's ``.wandb`` file: one JSON object a line."""

_FATAL: Final = "filestream: fatal error"
_SENT: Final = "filestream: request sent"
_CHUNK: Final = 1 << 20
_MOST_SAID: Final = 300  # characters


@dataclass(frozen=True, slots=True)
class News:
    """What has come since the last look.

    Attributes:
        sent: requests that the service has taken.
        fatal: why the upload of the run has ended, for good and silently; none if it has not.
    """

    sent: int = 0
    fatal: str | None = None


class UploadLog:
    """Reads the log of one run that is open, from where the last look ended.

    A log that is not there says nothing: the count of the service's rows is what counts then.
    """

    def __init__(self, segment: Path) -> None:
        """Take the folder of the segment."""
        self._path = segment / FILE
        self._at = 0
        self._fatal: str | None = None

    def look(self) -> News:
        """Return what is new; a fatal error stays one.

        Raises:
            OSError: the log cannot be read.
        """
        sent = 0
        for line in self._lines():
            if _SENT.encode() in line:
                sent += 1
            elif self._fatal is None and _FATAL.encode() in line:
                self._fatal = _message(line)
        return News(sent, self._fatal)

    def _lines(self) -> list[bytes]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read(_CHUNK)
        except FileNotFoundError:
            return []
        whole = data.rfind(b"\n") + 1 or (len(data) if len(data) == _CHUNK else 0)
        self._at += whole
        return data[:whole].splitlines()


def _message(line: bytes) -> str:
    try:
        said = str(json.loads(line)["msg"])
    except (ValueError, KeyError, TypeError):
        said = line.decode(errors="replace")
    return said[:_MOST_SAID]
