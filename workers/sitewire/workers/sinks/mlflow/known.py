"""What is known of a run in the tracker: read when it is opened, and kept up while it is written to."""

from __future__ import annotations

from typing import Final

from sitewire.workers.sinks.mlflow.tracked import Tracked

COLLAPSED_TAG: Final = "sitewire.collapsed"


class Known:
    """Params and tags as they will be when everything that was planned is sent.

    After a failure it is read anew, since only the tracker knows how much of a plan it has.

    Attributes:
        params: by name; a param keeps its first value in MLflow.
        tags: by name.
        last: by metric, what tells the point that was planned last from others.
        collapsed: how many points MLflow did not tell from one before.
    """

    def __init__(self, run: Tracked) -> None:
        self.params = dict(run.params)
        self.tags = dict(run.tags)
        self.last: dict[str, tuple[int, int, float | None]] = {}
        text = self.tags.get(COLLAPSED_TAG, "")
        self.collapsed = int(text) if text.isdecimal() else 0
