"""What MLflow calls a thing: its own name, or one that MLflow takes in the place of a name that it refuses."""

from __future__ import annotations

import hashlib
import posixpath
import re
from typing import Final

LONGEST: Final = 250
"""Characters of a name that MLflow takes."""

LONGEST_MAPPED: Final = 200
"""Of a name that is put in another's place: a prefix still fits before it."""

LONGEST_SEGMENT: Final = 200
"""Bytes of one part of an artifact's path: a file's name has 255 at most."""

RESERVED: Final = "sitewire."
"""Tags that begin so are ours: a trainer's tag of that name would say how far its run has come."""

_ALLOWED: Final = re.compile(r"[/\w.\- :]+")
_REFUSED: Final = re.compile(r"[^/\w.\- :]")
_SUFFIX: Final = re.compile(r"(?<=[^/])\.[A-Za-z0-9]{1,8}$")
_NO_PARTS: Final = ("", ".", "..")


def written_name(name: str) -> str:
    """Return the name of a metric, param or tag as it is written: itself, if MLflow takes it."""
    return name if _accepted(name) else _mapped(name)


def written_tag(name: str) -> str:
    """Return the name of a trainer's tag as it is written."""
    return _mapped(name) if name.startswith(RESERVED) else written_name(name)


def file_path(name: str) -> str:
    """Return the path of an artifact of that name: with ``.txt``, if it has no suffix."""
    stem, suffix = _split(name)
    return f"{_plain_path(name, stem)}{suffix or '.txt'}"


def step_path(name: str, step: int) -> str:
    """Return the path of the artifact that a name has at a step."""
    return f"{_plain_path(name, name)}/{step}.txt"


def aside_path(path: str) -> str:
    """Return the path of an artifact of which the own path is taken: a file where it needs a folder, or a folder."""
    return (
        f"sitewire/texts/{path.replace('/', '_').encode()[:LONGEST_SEGMENT].decode(errors='ignore')}{_digest(path)}.txt"
    )


def storable(text: str) -> str:
    r"""Return a text that every database takes: PostgreSQL has no place for NUL, which is written ``\0``."""
    return text.replace("\0", "\\0")


def _accepted(name: str) -> bool:
    if len(name) > LONGEST or _ALLOWED.fullmatch(name) is None:
        return False
    plain = posixpath.normpath(name)
    return plain == name and plain != "." and not plain.startswith(("..", "/"))


def _mapped(name: str) -> str:
    plain = _REFUSED.sub("_", name)
    parts = [part.replace(".", "_") or "_" if part in _NO_PARTS else part for part in plain.split("/")]
    plain = "/".join(parts)
    plain = f"__{plain[2:]}" if plain.startswith("..") else plain
    plain = plain.replace(RESERVED, "sitewire_", 1) if plain.startswith(RESERVED) else plain
    digest = _digest(name)
    return f"{plain[: LONGEST_MAPPED - len(digest)]}{digest}"


def _plain_path(name: str, stem: str) -> str:
    """Return a path that every server and file system takes; ``name`` is what is told apart by the digest."""
    fits = all(len(part.encode()) <= LONGEST_SEGMENT and part == part.strip() for part in stem.split("/"))
    if fits and ":" not in stem and _accepted(stem):
        return stem
    plain = _mapped(stem.replace(":", "_")).removesuffix(_digest(stem.replace(":", "_")))
    return "/".join(map(_cut, plain.split("/"))) + _digest(name)


def _split(name: str) -> tuple[str, str]:
    found = _SUFFIX.search(name)
    return (name, "") if found is None else (name[: found.start()], found[0])


def _cut(part: str) -> str:
    return part.strip().encode()[: LONGEST_SEGMENT // 2].decode(errors="ignore").strip() or "_"


def _digest(name: str) -> str:
    return f"_{hashlib.sha256(name.encode()).hexdigest()[:12]}"
