"""A run as MLflow has it, as far as the sink asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sitewire.workers.sinks.mlflow.names import storable
from sitewire.workers.sinks.mlflow.positions import is_position
from sitewire.workers.sinks.mlflow.request import Request

SITE_TAG = "sitewire.site"
RUN_TAG = "sitewire.run"
KEY_TAG = "sitewire.key"
PARENT_TAG = "mlflow.parentRunId"
PLACE_TAG = "sitewire.parent"
FIRST_TAG = "sitewire.first"
NAME_TAG = "mlflow.runName"
NOTE_TAG = "mlflow.note.content"


@dataclass(frozen=True, slots=True)
class Tracked:
    """A run in the tracker.

    Attributes:
        id: MLflow's own.
        experiment_id: MLflow's own.
        deleted: whether somebody has put it into the bin.
        status: ``RUNNING``, ``FINISHED``, ``FAILED`` or another of MLflow's.
        start: when it began, milliseconds since the epoch.
        end: when it ended, the same; None while it has not.
        artifact_uri: where its artifacts are.
        params: by name.
        tags: by name.
    """

    id: str
    experiment_id: str
    deleted: bool
    status: str
    start: int
    end: int | None
    artifact_uri: str
    params: Mapping[str, str]
    tags: Mapping[str, str]

    @property
    def written(self) -> bool:
        """Whether records were written to it."""
        return any(map(is_position, self.tags))

    @property
    def of_a_site(self) -> bool:
        """Whether it stands for a (site, run), and not for a job."""
        return SITE_TAG in self.tags


def saying(tag: str, value: str) -> Request:
    """Return a request that sets one tag."""
    request = Request()
    request.tags[tag] = storable(value)
    return request


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run is made of.

    Attributes:
        experiment: the experiment's name.
        name: what people see.
        start: milliseconds since the epoch.
        tags: by name.
    """

    experiment: str
    name: str
    start: int
    tags: Mapping[str, str]
