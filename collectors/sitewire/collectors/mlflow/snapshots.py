"""What a program is told about runs and experiments: how they were when it asked, as in the original.

An experiment has no id of its own before a tracker gives it one, so its name is its id. Values are
not kept in memory: a run's metrics and params are empty here, its tags those that it was started with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

RUNNING: Final = "RUNNING"
STATUSES: Final = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
ENDED: Final = ("FINISHED", "FAILED", "KILLED")


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What identifies a run.

    Attributes:
        run_id: the id that all sites of a job share.
        experiment_id: the experiment's name.
        status: one of ``STATUSES``.
        start_time: milliseconds since the epoch, UTC.
        end_time: the same, or ``None``.
        run_name: what people call it: the site's name, if nobody has said one.
        user_id: empty, like the rest: the tracker's matters.
    """

    run_id: str
    experiment_id: str
    status: str
    start_time: int
    end_time: int | None
    run_name: str
    user_id: str = ""
    lifecycle_stage: str = "active"
    artifact_uri: str = ""


@dataclass(frozen=True, slots=True)
class RunData:
    """What a run was started with.

    Attributes:
        tags: by name, as they were given.
        metrics: empty.
        params: empty.
    """

    tags: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)


class Run:
    """A run as it was at one moment.

    Attributes:
        info: what identifies it.
        data: what it was started with.
        inputs: ``None``: datasets are not collected.
        outputs: ``None``, likewise models.
    """

    def __init__(self, info: RunInfo, data: RunData) -> None:
        self.info = info
        self.data = data
        self.inputs = self.outputs = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.info!r}>"


@dataclass(frozen=True, slots=True)
class Experiment:
    """What runs belong to.

    Attributes:
        name: the experiment's.
        experiment_id: the same.
        tags: empty, like the rest: the tracker's matters.
    """

    name: str
    experiment_id: str
    artifact_location: str = ""
    lifecycle_stage: str = "active"
    tags: Mapping[str, str] = field(default_factory=dict)
    creation_time: int | None = None
    last_update_time: int | None = None
