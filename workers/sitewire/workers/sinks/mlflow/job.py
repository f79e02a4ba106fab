"""Where a run is nested: in a run that stands for its job, or in another run of its site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.mlflow.creation import Creation, claim_of_run, tags_of_run
from sitewire.workers.sinks.mlflow.errors import NotThere
from sitewire.workers.sinks.mlflow.names import storable
from sitewire.workers.sinks.mlflow.place import Place
from sitewire.workers.sinks.mlflow.request import Request
from sitewire.workers.sinks.mlflow.tracked import PARENT_TAG, RUN_TAG, NewRun, Tracked

RUNNING: Final = "RUNNING"
FINISHED: Final = "FINISHED"
FAILED: Final = "FAILED"

EXPERIMENT_PREFIX: Final = "sitewire.experiment."
"""Tags of a job's run: the further experiments that sites of it log to, by MLflow's id."""


class Nesting:
    """Finds and makes what a run is nested in.

    Args:
        place: open.
        creation: of its runs.
        key: the run.
        experiment: the experiment's name.
    """

    def __init__(self, place: Place, creation: Creation, key: RunKey, experiment: str) -> None:
        self._place = place
        self._creation = creation
        self._key = key
        self._experiment = experiment

    async def parent(self, run: str | None, start: int) -> str:
        """Return MLflow's id of the run that this one is nested in, and make that if it is not there.

        Args:
            run: of the same site; None is the job's own.
            start: of that one, if it is made; milliseconds since the epoch.

        Raises:
            WorkerError, BrokerError: it is not known.
        """
        if run is None or run == self._key.run:
            name, new = f"job.{self._key.tokens[1]}", NewRun(self._experiment, self._key.run, start, self._job_tags)
        else:
            key = RunKey(self._key.site, run)
            name, new = claim_of_run(key), NewRun(self._experiment, key.site, start, tags_of_run(key))
        # In the bin or not: somebody who deletes a job's run has not meant its sites.
        return (await self._creation.make(name, new)).id

    @property
    def _job_tags(self) -> dict[str, str]:
        return {RUN_TAG: self._key.run}

    async def follow(self, child: Tracked) -> None:
        """Have the job's run stand as its sites do, of which one has just changed.

        Two sites that end at once both look after their own change, and look again after they have written what they
        saw. So whoever writes last has seen both.
        """
        parent_id = child.tags.get(PARENT_TAG)
        while parent_id is not None and await self._place.call(self._follow, parent_id, child.experiment_id):
            heed_cancellation()

    def _follow(self, parent_id: str, experiment: str) -> bool:
        """Have it stand as its sites do now; whether something was written, and is to be looked at again."""
        tracker = self._place.tracker
        try:
            parent = tracker.get(parent_id)
        except NotThere:
            return False
        if parent.deleted or parent.of_a_site:
            return False
        experiments = _experiments(parent)
        if experiment not in experiments:
            tracker.log(parent_id, _says(f"{EXPERIMENT_PREFIX}{experiment}", self._experiment))
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


def _says(tag: str, value: str) -> Request:
    request = Request()
    request.tags[tag] = storable(value)
    return request


def standing(sites: Sequence[Tracked]) -> tuple[str, int | None]:
    """Return the status of a job and when it ended, by its sites: it runs as long as one of them does."""
    if any(site.status == RUNNING for site in sites) or not sites:
        return RUNNING, None
    status = FINISHED if all(site.status == FINISHED for site in sites) else FAILED
    return status, max((site.end or 0 for site in sites), default=0)
