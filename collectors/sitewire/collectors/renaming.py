"""A run that is renamed while it goes on: its next writer must not give it back its first name."""

from __future__ import annotations

from dataclasses import replace

from sitewire.collectors.parsers import MAX_LABEL_BYTES, MAX_NOTES_BYTES
from sitewire.collectors.settings import Settings
from sitewire.schemas.record import Record
from sitewire.schemas.renaming import renamed


def settings_after(settings: Settings, tag: Record) -> Settings:
    """Return what later beginnings of the run say: those of a forked child, or after its end."""
    said = renamed(tag)
    if said is None:
        return settings
    what, text = said
    if what == "name":
        return replace(settings, name=_cut(text, MAX_LABEL_BYTES))
    return replace(settings, notes=_cut(text, MAX_NOTES_BYTES))


def _cut(text: str, size: int) -> str | None:
    return text.encode()[:size].decode(errors="ignore") or None
