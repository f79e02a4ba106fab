"""Names of a run in W&B, and where its files are.

``<dir>/wandb/[offline-]run-<time>-<id>[-n]/run-<id>.wandb`` as the client makes it. Such a directory is a
*segment*: what one opening of the run wrote. Segments are never gone on with: no reader meets a file that was cut.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import os_errors_as_ours

MAX_ID_CHARACTERS: Final = 64
"""What W&B's documentation asks for."""

MAX_PROJECT_CHARACTERS: Final = 128

_SITE_CHARACTERS: Final = 20
_FOLDER: Final = re.compile(r"(?:offline-)?run-\d{8}_\d{6}-(.+)")
_REFUSED: Final = re.compile(r"[/\\#?%:\x00-\x1f]")


def run_id(key: RunKey) -> str:
    """Return W&B's id of a run: what can be read of its tokens, and a digest, so that two runs never share one.

    ``=`` of a token is written ``.``: an id is a part of addresses.
    """
    site, run = key.tokens
    digest = hashlib.sha256(f"{site}.{run}".encode()).hexdigest()[:16]
    room = MAX_ID_CHARACTERS - len(digest) - _SITE_CHARACTERS - 2
    return f"{run[:room]}-{site[:_SITE_CHARACTERS]}-{digest}".replace("=", ".")


def project_of(experiment: str) -> str:
    """Return the project of an experiment: its name, or what W&B takes of it and a digest."""
    name = _REFUSED.sub("-", experiment)[:MAX_PROJECT_CHARACTERS]
    if name == experiment:
        return name
    digest = hashlib.sha256(experiment.encode()).hexdigest()[:16]
    return f"{name[: MAX_PROJECT_CHARACTERS - len(digest) - 1]}-{digest}"


def segment_folders(place: Path, name: str) -> list[Path]:
    """Return the directories that the client has made for a run, in the order of their names.

    Raises:
        OSError: the directory cannot be read.
    """
    folder = place / "wandb"
    if not folder.is_dir():
        return []
    return sorted(entry for entry in folder.iterdir() if _is_of(entry.name, name))


def segment_files(place: Path, name: str) -> list[Path]:
    """Return the ``.wandb`` files of a run's segments, in the order of their directories' names.

    Raises:
        OSError: the directory cannot be read.
    """
    return [path for each in segment_folders(place, name) if (path := each / f"run-{name}.wandb").exists()]


def mark_as_sent(place: Path, name: str) -> None:
    """Have ``wandb sync`` pass over a run's files: it would send all of their rows again.

    Raises:
        SinkUnavailable: a mark cannot be made.
    """
    with os_errors_as_ours(place):
        for path in segment_files(place, name):
            path.with_name(f"{path.name}.synced").touch()


def _is_of(folder: str, name: str) -> bool:
    match = _FOLDER.fullmatch(folder)
    return match is not None and match[1].startswith(name)
