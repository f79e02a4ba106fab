"""Text about a run, to what a record can hold of it. Too much of it is cut: it must not end a training."""

from __future__ import annotations

from typing import Final

from sitewire.collectors.parsers import MAX_LABEL_BYTES, MAX_NOTES_BYTES
from sitewire.schemas import limits

_SIZES: Final = {
    "name": MAX_LABEL_BYTES,
    "notes": MAX_NOTES_BYTES,
    "experiment": limits.MAX_EXPERIMENT_BYTES,
}


def words(what: str, value: object) -> str | None:
    """Return the text, or ``None`` for nothing.

    Args:
        what: ``name``, ``notes`` or ``experiment``.
        value: what the program passed; anything but text is written by its ``str()``.
    """
    if value is None:
        return None
    encoded = str(value).encode(errors="backslashreplace")
    return encoded[: _SIZES[what]].decode(errors="ignore") or None
