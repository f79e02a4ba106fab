"""What worker and host say to each other: MessagePack over a socket pair.

A request is ``[number, operation, run, arguments]``, its answer ``[number, None, value]`` or ``[number, error, text]``,
where ``error`` is the name of the exception's type. Requests of one run are worked on in their order, those of two runs
side by side. The first request of all, ``begin``, has the host's settings.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Operation(StrEnum):
    """What the host is asked for."""

    BEGIN = "begin"
    """Settings: ``mode``, ``flush``, and for the online mode what ``online_settings`` says."""
    OPEN = "open"
    """Open a segment: ``dir``, ``id``, ``project``, ``info``, ``tags``, ``config``, ``definitions``, ``summary``, and
    ``next_row``, the number of its first row; online also ``ends``, whether ``finish`` ends the run. Returns its
    file."""
    WRITE = "write"
    """Write: ``info``, ``tags`` (all of them), ``config``, ``definitions``, ``rows``, ``summary``, ``last``. A row is
    ``[number, values]``."""
    FINISH = "finish"
    """End the run with an exit code."""
    LEAVE = "leave"
    """Close the segment without an exit code: the run goes on elsewhere. Returns the number behind the last row."""


MAX_MESSAGE_BYTES: Final = 256 << 20
"""More than any batch: what is longer is not one of ours."""

MAX_WAITING: Final = 8
"""Requests of one run that wait for their turn; the worker has at most two."""
