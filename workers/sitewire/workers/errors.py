"""What can go wrong in a worker. The types alone decide whether a retry can help.

::

    WorkerError
    ├── Temporary              try again, with backoff, for as long as it takes
    │   ├── SinkBusy           another owner holds the partition's lock
    │   ├── SinkUnavailable    the operating system said no: a full disk, a bad block, no permission
    │   ├── NotOpen            the sink or run is closed, or failed before; open it again
    │   ├── PlaceDown          the tracker as a whole cannot be reached, or does not answer: no run of it can go on
    │   │   └── Throttled      it asks to be left alone for a while
    │   ├── GivenUp            an attempt failed, and there shall be no other now
    │   ├── UnitLost           somebody else works on this partition: drop all of it, look at the lease
    │   └── RouteMoved         the route is given another place, or is on its way to this one: nothing is delivered here
    └── Permanent              trying again cannot help
        ├── BatchRefused       the tracker will never take some record of the batch: it is halved until that is found
        ├── MissingExtra       a library of the sink is not installed
        ├── SinkMisconfigured  the sink's place or type cannot work as it is configured
        ├── PlaceUnreadable    the place holds progress that this build cannot read
        └── OutOfOrder         a delivery does not begin where its numbering stands
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sitewire.schemas.receipt import StreamKey

MISCONFIGURED_ERRNOS: Final = frozenset({errno.ENAMETOOLONG})
"""The only errors of the operating system that no operator can make go away while the worker runs.

All others are temporary: a disk is emptied, a mount comes back, a mode is changed, a file in the way is removed.
Called permanent, they would send good records to the dead letters.
"""


class WorkerError(Exception):
    """Base of everything that this folder raises."""


class Temporary(WorkerError):
    """Trying again may help."""


class Permanent(WorkerError):
    """Trying again cannot help."""


class SinkBusy(Temporary):
    """A partition of a sink's place is held by another owner; the message names lock file and holder."""


class SinkUnavailable(Temporary):
    """The operating system refused an operation on the sink's place.

    Attributes:
        errno: its number, 0 if it gave none.
    """

    def __init__(self, message: str, number: int = 0) -> None:
        super().__init__(message)
        self.errno = number


class PlaceDown(Temporary):
    """The tracker as a whole takes nothing: refused, timed out, or answered with a fault of its own.

    Says of every run of the place that it cannot go on; what concerns one run alone is another ``Temporary``.
    """


class Throttled(PlaceDown):
    """The tracker asks to be left alone (HTTP 429, or 503 with ``Retry-After``).

    Attributes:
        seconds: for how long, as it said; None if it did not.
    """

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class NotOpen(Temporary):
    """The sink or run was closed, or an earlier call failed: it has to be opened again."""


class GivenUp(Temporary):
    """An attempt failed, and there shall be no other now: the run is parked, or the worker stops."""


class UnitLost(Temporary):
    """Somebody else works on the partition: all of its work here ends, and is begun again if it is ours after all."""


class RouteMoved(Temporary):
    """The partition's acknowledgements are about another place, or not about this one yet: nothing is pulled."""


class BatchRefused(Permanent):
    """The tracker will never take some record of this batch, whatever the place is like.

    Raised by ``RunSink.write`` or ``commit``. The message is what a person reads beside the dead letter. An error that
    concerns the place is never this one: it would send good records to the dead letters.

    Attributes:
        at: numbering and index of the record, if the tracker said which; otherwise it is found by halves.
    """

    def __init__(self, message: str, at: tuple[StreamKey, int] | None = None) -> None:
        super().__init__(message)
        self.at = at


class MissingExtra(Permanent):
    """A library that the sink needs is not installed.

    Attributes:
        extra: the extra of this distribution to install.
    """

    def __init__(self, extra: str, library: str | None) -> None:
        # Which module of it is missed first differs from try to try.
        what = (library or "a library").partition(".")[0]
        super().__init__(f"{what} is not installed; install it with: pip install 'sitewire[{extra}]'")
        self.extra = extra


class SinkMisconfigured(Permanent):
    """The sink cannot work as it is configured."""


class PlaceUnreadable(Permanent):
    """A file of the sink's place holds what this build cannot read."""


class OutOfOrder(Permanent):
    """A delivery does not begin where its numbering stands: a fault in the caller, never in the data."""


def from_os_error(error: OSError, place: Path) -> WorkerError:
    """Return our error for one of the operating system; every number has one.

    Args:
        error: what was raised.
        place: the file or directory worked on, for the message; the error's own file name goes first.
    """
    where = error.filename or place
    message = f"{where}: {error.strerror or error}"
    if error.errno in MISCONFIGURED_ERRNOS:
        return SinkMisconfigured(message)
    return SinkUnavailable(message, error.errno or 0)


@contextmanager
def os_errors_as_ours(place: Path) -> Iterator[None]:
    """Raise ``from_os_error`` in the place of an ``OSError``: the edge to the file system."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, place) from error
