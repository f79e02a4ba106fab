"""How the trainers of the acceptance end."""

from __future__ import annotations

import sys

from support.three.book import Book

FAILS = sys.argv[2:] == ["fail"]


class TrainingFailedError(Exception):
    """What a failing trainer raises through the syntax's own context."""


def end(book: Book) -> None:
    """Note the end, and raise if the trainer is to fail."""
    book.end("failed" if FAILS else "finished")
    if FAILS:
        raise TrainingFailedError


def steps() -> range:
    """Return the steps of the training."""
    return range(int(sys.argv[1]))
