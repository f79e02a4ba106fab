"""Wall clocks of a test's processes, each of which can be set apart from the machine's."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from support.product import TESTS

CHANGED: Final = Path(__file__).parent / "changed"
TRAINERS: Final = {"PYTHONPATH": os.pathsep.join([str(TESTS), str(CHANGED)])}
"""Environment of a trainer that is to be changed; all others take it from the test's own."""

_FORMAT: Final = struct.Struct("=dd")


class Clocks:
    """Of the processes that were started in ``changed``.

    Args:
        folder: of their files.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder

    def set_role(self, role: str, ahead: float, drift: float = 0.0) -> None:
        """Set the clocks of all processes of a role, of those to come too.

        Args:
            role: ``trainer``, ``sidecar`` or ``worker``.
            ahead: seconds before the machine's.
            drift: how many more each second.
        """
        for file in {self._folder / role, *self._folder.glob(f"{role}-*")}:
            self._write(file, ahead, drift)

    def set_process(self, role: str, pid: int, ahead: float, drift: float = 0.0) -> None:
        """Set the clock of one process alone."""
        self._write(self._folder / f"{role}-{pid}", ahead, drift)

    def processes(self, role: str) -> int:
        """Return how many processes of a role have looked at their clock."""
        return len([*self._folder.glob(f"{role}-*")])

    def _write(self, file: Path, ahead: float, drift: float) -> None:
        file.touch()
        with file.open("r+b") as opened:  # in place: it is mapped
            opened.write(_FORMAT.pack(ahead, drift))


@contextmanager
def changed(**variables: str) -> Iterator[None]:
    """Have all processes that are started in the block changed by ``sitecustomize``; trainers by ``TRAINERS`` too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(CHANGED), os.environ.get("PYTHONPATH", "")])))
        for name, value in variables.items():
            patch.setenv(name, value)
        yield
