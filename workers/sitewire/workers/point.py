"""Named points on a record's way, at which a test can stop the world.

A call does nothing, unless a process of the tests has installed a handler: it kills or stops the
process there. They are the moments between two steps of which the order is a promise.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Point(StrEnum):
    """A moment, by what has just happened. In the order of the way."""

    UNIT_TAKEN = "unit_taken"
    """The unit's key is ours; its sink is not open."""
    CORE_DRAINS = "core_drains"
    """The sink's partition is held, and what the last owner left behind still writes to it."""
    SINK_OPENED = "sink_opened"
    """The sink's partition is held; nothing has been pulled."""
    FETCHED = "fetched"
    """Messages are here, and not handed out."""
    RUN_LISTED = "run_listed"
    """A folder of the run has been listed; nothing is made of it yet."""
    FILE_OPENING = "file_opening"
    """A new file of the run has its name, and is not there."""
    BATCH_PLANNED = "batch_planned"
    """The next batch is known, nothing of it is written."""
    BATCH_TORN = "batch_torn"
    """A part of the batch's bytes is in the file."""
    RUN_CREATED = "run_created"
    """The tracker has made a run; which one counts is not settled yet."""
    REQUEST_BEGINS = "request_begins"
    """One of the requests of a batch is about to be sent."""
    REQUEST_ANSWERED = "request_answered"
    """The tracker has taken one request of a batch, and others follow."""
    BATCH_WRITTEN = "batch_written"
    """All of it is in the file, nothing is synced."""
    BATCH_COMMITTED = "batch_committed"
    """It is synced, nothing is acknowledged."""
    BATCH_ACKNOWLEDGED = "batch_acknowledged"
    """Acknowledgements are on their way, the receipt is old."""
    RUN_PARKED = "run_parked"
    """Where the run is read on is stored, its messages are not acknowledged."""
    PARKED_MOVED = "parked_moved"
    """A parked run is catching up, and has stored how far it has come."""
    PARKED_FORGOTTEN = "parked_forgotten"
    """It has caught up, its key is deleted, and what is held is not written."""
    LETTER_PUBLISHED = "letter_published"
    """A refused record is in the dead letters, its index is not committed."""
    HOLE_NOTED = "hole_noted"
    """Indexes that an unreadable message left empty are noted, the hole is not committed."""
    MESSAGE_KEPT = "message_kept"
    """An unreadable message is in the dead letters, and not terminated."""
    RETRY_PUBLISHED = "retry_published"
    """Dead letters are on their way again, and still dead letters."""
    LETTER_DELETED = "letter_deleted"
    """One of the letters that are on their way again is deleted."""
    FETCHING_STOPPED = "fetching_stopped"
    """The unit is to be handed over; its last messages are in work."""
    UNIT_STOPPED = "unit_stopped"
    """The sink is closed; the unit's key is still ours."""


Handler = Callable[[Point], None]

_handlers: list[Handler] = []


def reached(point: Point) -> None:
    """Say that a point is reached. Called from the loop and from threads."""
    for handler in _handlers:
        handler(point)


def install(handler: Handler) -> None:
    """Have every point call a handler. For processes of the tests only."""
    _handlers.append(handler)


def watched() -> bool:
    """Whether a handler is installed: then a batch is written in two parts, so that a point lies between them."""
    return bool(_handlers)
