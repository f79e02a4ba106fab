"""What applying the config does to one thing on the broker."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ChangeKind(StrEnum):
    """What happened, or with ``dry_run`` would happen."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    """Only what is to be forgotten by name; a config file never has anything deleted."""
    REFUSED = "refused"
    """The file asks for something that would lose data or a position; nothing was touched."""
    STALE = "stale"
    """On the broker and no longer in the file; kept, because a route's position is in it."""


_WOULD: Final = {
    ChangeKind.CREATED: "would create",
    ChangeKind.UPDATED: "would update",
    ChangeKind.DELETED: "would delete",
    ChangeKind.REFUSED: "would refuse",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing on the broker and what became of it.

    Attributes:
        kind: what happened.
        what: ``stream METRICS`` or ``route hq``.
        detail: from what to what, why it was refused, or what to do; may be empty.
    """

    kind: ChangeKind
    what: str
    detail: str = ""

    def __str__(self) -> str:
        """Return one line for people, about what was done."""
        return self.line(dry_run=False)

    def line(self, *, dry_run: bool) -> str:
        """Return one line for people; of a dry run it says what would be done, not that it was."""
        kind = _WOULD.get(self.kind, self.kind) if dry_run else self.kind
        return f"{kind} {self.what}" + (f": {self.detail}" if self.detail else "")


def differences(now: dict[str, object], wanted: dict[str, object]) -> str:
    """Return ``key now -> wanted`` for each wanted key that differs; what nobody asked for is left out."""
    return ", ".join(f"{key} {now.get(key)} -> {value}" for key, value in wanted.items() if now.get(key) != value)
