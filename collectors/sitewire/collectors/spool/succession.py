"""When a writer begins, so that it comes behind those before it, though the clock was set back since."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from sitewire.collectors.spool.identity import WriterIdentity, load_identity
from sitewire.schemas.errors import SubjectError

BEHIND: Final = 0.001
"""Seconds. Accounts are put in order by their begins: a writer that goes on with a run has to begin behind the last."""


def successor(root: Path, identity: WriterIdentity) -> WriterIdentity:
    """Return the writer with a ``started`` behind all that the spool knows of the same run.

    A forked one is returned as it is: its parent lives, and there may be thousands.
    """
    if identity.forked:
        return identity
    last = max(_lasts(identity.place(root).parent), default=0.0)
    return identity if identity.started > last else replace(identity, started=last + BEHIND)


def _lasts(run: Path) -> Iterator[float]:
    """Yield when each writer of a run began, and when it last touched its page."""
    try:
        entries = list(os.scandir(run))
    except OSError:  # there is none yet
        return
    for entry in entries:
        with suppress(OSError, SubjectError):  # it is being removed, or is no writer's
            yield load_identity(Path(entry.path) / "writer.json").started
            yield (Path(entry.path) / "state").stat().st_mtime
