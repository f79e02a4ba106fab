"""What others have named, on an operator's terminal: shown as it is, never obeyed.

A site chooses its own name and its run's. ``[/red]`` in one is markup to rich, and an escape sequence
is an order to the terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

PIPED_WIDTH: Final = 10_000  # columns: into a pipe or a file nothing is wrapped or cut


def open_console() -> Console:
    """Return a console on standard output that takes no text for markup or for the name of an emoji."""
    from rich.console import Console

    console = Console(markup=False, emoji=False)
    if console.is_terminal:
        return console
    return Console(markup=False, emoji=False, width=PIPED_WIDTH)


def printable(text: str) -> str:
    r"""Return a text with what is not printable written out, as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def size(count: int) -> str:
    """Return a number of bytes as people read it; one below 0 is a bound that is none."""
    if count < 0:
        return "no bound"
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def duration(seconds: float) -> str:
    """Return a length of time as people read it."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def counted(count: int, what: str) -> str:
    """Return a number with its noun, which takes an ``s`` unless there is one of it."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
