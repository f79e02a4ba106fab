"""Where a run is nested: in another run of its site, or with the other sites of its job in a run of the job's.

A job of one site needs no run of its own. So the claim of a job holds the first site's run while that is alone; the
second site makes the job's run, claims it instead, nests the first one and then itself. A run that is nested has
thereby done all that; one that is not looks again when it is opened, and when it ends.

What a run belongs in is its tag ``sitewire.parent``: the name of a claim. Who comes first, of a run and one that is
nested in it, does not matter: the inner one writes that tag and then looks for the claim, the outer one claims and
then looks for the tag.
"""

from __future__ import annotations

from dataclasses import replace

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.claims import Claims
from sitewire.workers.sinks.mlflow.creation import Creation, claim_of_run
from sitewire.workers.sinks.mlflow.errors import NotThere
from sitewire.workers.sinks.mlflow.job import EXPERIMENT_PREFIX, follow
from sitewire.workers.sinks.mlflow.place import Place
from sitewire.workers.sinks.mlflow.tracked import (
    FIRST_TAG,
    PARENT_TAG,
    PLACE_TAG,
    RUN_TAG,
    SITE_TAG,
    NewRun,
    Tracked,
    saying,
)


class Nesting:
    """Nests one run, and what waits for it.

    Args:
        place: open.
        claims: of the place.
        key: the run.
        experiment: the experiment's name.
    """

    def __init__(self, place: Place, claims: Claims, key: RunKey, experiment: str) -> None:
        self._place = place
        self._claims = claims
        self._creation = Creation(place, claims)
        self._key = key
        self._experiment = experiment
        self._job = claim_of_job(key)

    async def nest(self, run: Tracked) -> Tracked:
        """Nest the run in what it belongs in, if that is there, and have the run of a job follow.

        Returns:
            The run, with the tag that says what it is nested in.

        Raises:
            WorkerError, BrokerError: whether it is nested is not known. Doing it again is harmless.
        """
        where = run.tags.get(PLACE_TAG, self._job)
        parent = await (self._of_job(run) if where == self._job else self._claims.read(where))
        if parent is not None and run.tags.get(PARENT_TAG) != parent:
            await self._place.call(self._place.tracker.log, run.id, saying(PARENT_TAG, parent))
            run = replace(run, tags={**run.tags, PARENT_TAG: parent})
        await follow(self._place, run, self._experiment)
        return run

    async def adopt(self, run: Tracked) -> None:
        """Nest what belongs in this run and came before it."""
        await self._place.call(self._adopt, run)

    def _adopt(self, run: Tracked) -> None:
        tracker = self._place.tracker
        for child in list(tracker.find([run.experiment_id], PLACE_TAG, claim_of_run(self._key))):
            if child.tags.get(PARENT_TAG) != run.id:
                tracker.log(child.id, saying(PARENT_TAG, run.id))

    async def _of_job(self, run: Tracked) -> str | None:
        """Return MLflow's id of the job's run; None while the site is alone."""
        while True:
            heed_cancellation()
            claimed = await self._claims.read(self._job)
            if claimed == run.id:
                return None
            there = None if claimed is None else await self._place.call(self._there, claimed)
            if there is None or there.tags.get(SITE_TAG) == self._key.site:  # gone, or what we had before
                await self._claims.claim(self._job, run.id, claimed)
            elif there.of_a_site:
                await self._claims.claim(self._job, await self._made(there, run), claimed)
            else:
                await self._settle(there, run)
                return there.id

    async def _made(self, first: Tracked, run: Tracked) -> str:
        """Return a run for the job, which somebody else may claim before us; it begins with its earliest site."""
        tags = {RUN_TAG: self._key.run, FIRST_TAG: first.id}
        if first.experiment_id != run.experiment_id:
            name = await self._place.call(self._place.tracker.experiment_name, first.experiment_id)
            tags[f"{EXPERIMENT_PREFIX}{first.experiment_id}"] = name
        new = NewRun(self._experiment, self._key.run, min(first.start, run.start), tags)
        return await self._creation.candidate(self._job, new)

    async def _settle(self, job: Tracked, run: Tracked) -> None:
        """Delete what others have made for the job, and nest its first site: whoever made this one may be dead.

        In the bin or not: somebody who deletes a job's run has not meant its sites.
        """
        if run.tags.get(PARENT_TAG) == job.id:
            return
        if not job.deleted:
            await self._place.call(self._creation.delete_others, self._job, job, self._experiment)
        if FIRST_TAG in job.tags:
            await self._place.call(self._nest_first, job.tags[FIRST_TAG], job.id)

    def _nest_first(self, first_id: str, job_id: str) -> None:
        first = self._there(first_id)
        if first is None or first.deleted:  # one that is restored nests itself
            return
        if first.tags.get(PARENT_TAG) != job_id and first.tags.get(PLACE_TAG, self._job) == self._job:
            self._place.tracker.log(first_id, saying(PARENT_TAG, job_id))

    def _there(self, run_id: str) -> Tracked | None:
        try:
            return self._place.tracker.get(run_id)
        except NotThere:
            return None


def claim_of_job(key: RunKey) -> str:
    """Return the name under which the run of a job is claimed, or that of its one site."""
    return f"job.{key.tokens[1]}"


def place_of(key: RunKey, parent: str | None) -> str:
    """Return the name of the claim of what a run belongs in.

    Args:
        key: the run.
        parent: a run of the same site, if its beginning says so; None is the job's.
    """
    return claim_of_job(key) if parent in (None, key.run) else claim_of_run(RunKey(key.site, str(parent)))
