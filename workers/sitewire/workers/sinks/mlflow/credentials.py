"""What a tracking server wants to be told before it answers. Secrets live in files, and never print."""

from __future__ import annotations

import base64
from pathlib import Path

from sitewire.workers.errors import PlaceDown
from sitewire.workers.sinks.mlflow.options import MlflowOptions


class Credentials:
    """The header ``Authorization``, read from files.

    Args:
        options: which files.
        base: the folder that relative paths begin at.
    """

    def __init__(self, options: MlflowOptions, base: Path) -> None:
        self._username = options.username
        self._file = options.token_file or options.password_file
        self._base = base
        self._header: str | None = None

    def __repr__(self) -> str:
        """Say which file, and nothing of what is in it."""
        return f"Credentials({self._file})"

    @property
    def header(self) -> str | None:
        """The header's value as it was read last; None if the server is told nothing."""
        return self._header

    def read(self) -> bool:
        """Read the file again; whether it says something else than before.

        Raises:
            PlaceDown: it cannot be read, or is empty.
        """
        before, self._header = self._header, self._read()
        return self._header != before

    def _read(self) -> str | None:
        if self._file is None:
            return None
        secret = self._secret(self._base / self._file.expanduser())
        if self._username is None:
            return f"Bearer {secret}"
        pair = base64.b64encode(f"{self._username}:{secret}".encode()).decode()
        return f"Basic {pair}"

    @staticmethod
    def _secret(file: Path) -> str:
        try:
            secret = file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a text"  # the other one shows its bytes
            msg = f"{file}: {reason}"
            raise PlaceDown(msg) from None
        if not secret or "\n" in secret:
            msg = f"{file}: one line is expected, with the secret and nothing else"
            raise PlaceDown(msg)
        return secret
