"""Names of the folders and files of a run.

``<logdir>/<run>/<site>/[<series>/]events.out.tfevents.<10 digits>.sitewire``. The digits rise from file to
file; they begin at the unix second, as everybody's do, so that a file sorts behind what other programs left.
TensorBoard's readers follow the order of names and never go back.
"""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path
from typing import Final

from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import SinkMisconfigured

SUFFIX: Final = ".sitewire"

MAX_DEPTH: Final = 8
"""Folders of a series; what is deeper is one folder. With ``MAX_PART_BYTES`` it keeps paths below the system's 4096."""

MAX_PART_BYTES: Final = 200

_PREFIX: Final = "events.out.tfevents."
_OURS: Final = re.compile(re.escape(_PREFIX) + r"(\d{10})" + re.escape(SUFFIX))
_NUMBERED: Final = re.compile(re.escape(_PREFIX) + r"(\d{10})(?!\d)")
_UNSAFE: Final = re.compile(rb"[^A-Za-z0-9_-]")


def run_folder(logdir: Path, key: RunKey) -> Path:
    """Return the folder of a run."""
    site, run = key.tokens
    return logdir / run / site


def series_path(series: str | None) -> Path:
    """Return the folder of a series within its run's: two series never share one, and none climbs out.

    Parts between ``/`` are escaped as names in subjects are, ``=XX`` for a byte; a part that is empty is ``=``.
    """
    if series is None:
        return Path()
    return Path(*(_part(text) for text in series.split("/", MAX_DEPTH - 1)))


def our_files(folder: Path) -> list[Path]:
    """Return the event files that this sink has written in a folder, the latest first."""
    return sorted((path for path in folder.iterdir() if _OURS.fullmatch(path.name)), reverse=True)


def next_file(folder: Path) -> Path:
    """Return a name for a file that sorts behind every event file of a folder that is there.

    It is new, or the last one if that is empty: what a full disk leaves at each attempt.

    Raises:
        SinkMisconfigured: a foreign file sorts behind every name that there is.
    """
    names = [path.name for path in folder.iterdir() if "tfevents" in path.name]
    last = max(names, default="")
    if _OURS.fullmatch(last) and (folder / last).stat().st_size == 0:
        return folder / last
    numbers = [int(match[1]) for match in map(_NUMBERED.match, names) if match]
    name = f"{_PREFIX}{max([int(time.time()), *(number + 1 for number in numbers)]):010}{SUFFIX}"
    if last >= name or not _OURS.fullmatch(name):
        msg = (
            f"{folder / last}: no new event file can sort behind this one, and TensorBoard would pass over it; move it"
        )
        raise SinkMisconfigured(msg)
    return folder / name


def _part(text: str) -> str:
    raw = text.encode(errors="surrogatepass")
    token = _UNSAFE.sub(lambda match: b"=%02X" % match[0][0], raw).decode() or "="
    if len(token) <= MAX_PART_BYTES:
        return token
    digest = hashlib.sha256(raw).hexdigest()[:32]
    return f"{token[: MAX_PART_BYTES - 34]}=={digest}"  # no escape has "==": it cannot meet another part's token
