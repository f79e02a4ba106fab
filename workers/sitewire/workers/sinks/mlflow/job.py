"""The run that stands for a job: it stands as the job's sites do, which are nested in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.workers.sinks.mlflow.errors import NotThere
from sitewire.workers.sinks.mlflow.place import Place
from sitewire.workers.sinks.mlflow.tracked import PARENT_TAG, Tracked, saying

RUNNING: Final = "RUNNING"
FINISHED: Final = "FINISHED"
FAILED: Final = "FAILED"

EXPERIMENT_PREFIX: Final = "sitewire.experiment."
"""Tags of a job's run: the further experiments that sites of it log to, by MLflow's id."""


async def follow(place: Place, child: Tracked, experiment: str) -> None:
    """Have the job's run stand as its sites do, of which one has just changed.

    Two sites that end at once both look after their own change, and look again after they have written what they
    saw. So whoever writes last has seen both.

    Args:
        place: open.
        child: what has changed; nothing is done if it is nested in no job's run.
        experiment: that child's, by name.
    """
    parent_id = child.tags.get(PARENT_TAG)
    while parent_id is not None and await place.call(_follow, place, parent_id, child.experiment_id, experiment):
        heed_cancellation()


def _follow(place: Place, parent_id: str, experiment_id: str, experiment: str) -> bool:
    """Have it stand as its sites do now; whether something was written, and is to be looked at again."""
    tracker = place.tracker
    try:
        parent = tracker.get(parent_id)
    except NotThere:
        return False
    if parent.deleted or parent.of_a_site:
        return False
    experiments = _experiments(parent)
    if experiment_id not in experiments:
        tracker.log(parent_id, saying(f"{EXPERIMENT_PREFIX}{experiment_id}", experiment))
        return True
    wanted = standing(list(tracker.find(experiments, PARENT_TAG, parent_id)))
    if wanted[0] == parent.status and wanted[1] in (None, parent.end):
        return False
    tracker.update(parent_id, *wanted)
    return True


def _experiments(parent: Tracked) -> list[str]:
    """Return the experiments that a job's sites are in: its own, and those that its tags name."""
    others = [tag.removeprefix(EXPERIMENT_PREFIX) for tag in parent.tags if tag.startswith(EXPERIMENT_PREFIX)]
    return [parent.experiment_id, *others]


def standing(sites: Sequence[Tracked]) -> tuple[str, int | None]:
    """Return the status of a job and when it ended, by its sites: it runs as long as one of them does."""
    if any(site.status == RUNNING for site in sites) or not sites:
        return RUNNING, None
    status = FINISHED if all(site.status == FINISHED for site in sites) else FAILED
    return status, max((site.end or 0 for site in sites), default=0)
