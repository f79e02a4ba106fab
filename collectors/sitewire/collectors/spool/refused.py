"""How many log calls of a writer were refused, beside its records: whoever drains it after its end has to tell too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_FILE: Final = "refused"


def save_refused(directory: Path, counts: Mapping[str, int]) -> None:
    """Write the counts by reason, in one step. Losing them is no harm worth an error: they are told again.

    Args:
        directory: the writer's.
        counts: by reason.
    """
    draft = directory / f"{_FILE}.draft"
    try:
        draft.write_text(json.dumps(dict(counts)))
        draft.replace(directory / _FILE)
    except OSError:
        return  # a full disk, or the directory is gone


def load_refused(directory: Path) -> dict[str, int]:
    """Return the counts that were saved last; none if there are none that can be read."""
    try:
        found = json.loads((directory / _FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: count for name, count in found.items() if type(count) is int and count >= 0}
