"""The named points by when a process comes by, and which of them lie on the way into which tracker."""

from __future__ import annotations

from typing import Final

from sitewire.workers.point import Point
from support.checker.inside import Inside
from support.checker.trap import Place

ENTERING: Final = (Point.UNIT_TAKEN, Point.SINK_OPENED, Point.RUN_LISTED, Point.FILE_OPENING)
"""Reached by a worker that takes up what others had."""

BORN: Final = (Point.RUN_CREATED,)
"""Reached once a run, by who sees it first."""

LEAVING: Final = (Point.FETCHING_STOPPED, Point.UNIT_STOPPED)
"""Reached by a worker that hands over."""

WORKING: Final = (Point.FETCHED, Point.BATCH_PLANNED)
SETTLING: Final = (Point.BATCH_WRITTEN, Point.BATCH_COMMITTED, Point.BATCH_ACKNOWLEDGED)
REQUESTING: Final = (Point.REQUEST_BEGINS, *Inside, Point.REQUEST_ANSWERED)

BETWEEN: Final[tuple[Place, ...]] = (*WORKING, Point.BATCH_TORN, *REQUESTING, *SETTLING)
"""Reached again and again by a worker that works."""

RETRYING: Final = (Point.RETRY_PUBLISHED, Point.LETTER_DELETED)
"""Reached by the command that sends dead letters again."""

IN_FILES: Final[tuple[Place, ...]] = (*ENTERING, *WORKING, Point.BATCH_TORN, *SETTLING, *LEAVING)
"""On the way into TensorBoard and jsonl."""

IN_MLFLOW: Final[tuple[Place, ...]] = (
    *BORN,
    Point.UNIT_TAKEN,
    Point.SINK_OPENED,
    Point.RUN_LISTED,
    *WORKING,
    *REQUESTING,
    *SETTLING,
    *LEAVING,
)

IN_WANDB: Final[tuple[Place, ...]] = IN_FILES
DRAINING: Final = (Point.CORE_DRAINS,)
"""On the way into W&B beside those; reached by who takes over from a worker whose client still writes."""
