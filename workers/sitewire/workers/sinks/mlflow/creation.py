"""Which of the tracker's runs stands for one of ours: made once, by however many workers.

The tracker chooses a run's id. Whoever needs a run makes one that bears its claim's name as a tag, and claims the name
for it; who is not the first deletes its own again. What a creator that died in between has left is found by the tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.schemas.subject import RunKey
from sitewire.workers.point import Point, reached
from sitewire.workers.sinks.claims import Claims
from sitewire.workers.sinks.mlflow.errors import NotThere
from sitewire.workers.sinks.mlflow.names import storable
from sitewire.workers.sinks.mlflow.place import Place
from sitewire.workers.sinks.mlflow.tracked import KEY_TAG, RUN_TAG, SITE_TAG, NewRun, Tracked, saying


class Creation:
    """Finds and makes runs of a place.

    Args:
        place: open.
        claims: of the place.
    """

    def __init__(self, place: Place, claims: Claims) -> None:
        self._place = place
        self._claims = claims

    async def find(self, name: str, experiment: str) -> Tracked | None:
        """Return the run that stands for a name; what others have left of it is deleted.

        Returns:
            The run, in the bin or not; None if there is none, or the tracker has it no more.

        Raises:
            WorkerError, BrokerError: nobody can say.
        """
        claimed, run = await self._claimed(name, experiment)
        if claimed is None:
            # The claims are gone, with the broker's store: then it may hold all that was ever written.
            left = [run for run in await self._place.call(self._bearers_in, name, experiment) if run.written]
            if left:
                await self._claims.claim(name, min(left, key=_age).id)
                run = (await self._claimed(name, experiment))[1]
        return run

    async def make(self, name: str, new: NewRun) -> Tracked:
        """Return the run that stands for a name, and make it if there is none.

        Raises:
            WorkerError, BrokerError: whether there is one now is not known. Doing it again is harmless.
        """
        while True:
            heed_cancellation()
            claimed, run = await self._claimed(name, new.experiment)
            if run is not None:
                return run
            # Who is not the first finds another run in the next turn, and deletes this one there.
            await self._claims.claim(name, await self.candidate(name, new), claimed)

    async def _claimed(self, name: str, experiment: str) -> tuple[str | None, Tracked | None]:
        """Return what is claimed, and the run of that id, if the tracker has it."""
        run_id = await self._claims.read(name)
        if run_id is None:
            return None, None
        try:
            run = await self._place.call(self._place.tracker.get, run_id)
        except NotThere:
            return run_id, None
        if not run.deleted:
            await self._place.call(self.delete_others, name, run, experiment)
        return run_id, run

    async def candidate(self, name: str, new: NewRun) -> str:
        """Return a run that nobody has claimed yet: one whose creator has died in between, or a new one.

        Raises:
            WorkerError: whether there is one now is not known. Doing it again is harmless.
        """
        experiment = await self._place.call(self._place.tracker.experiment, new.experiment)
        left = await self._place.call(self._bearers, name, experiment)
        if left:
            return await self._place.call(self._brought_up, min(left, key=_age), new)
        made = await self._place.call(
            self._place.tracker.create, replace(new, tags={**new.tags, KEY_TAG: name}), experiment
        )
        reached(Point.RUN_CREATED)
        return made

    def _brought_up(self, left: Tracked, new: NewRun) -> str:
        """Return the id of a run that was left, once it says what a new one would."""
        for tag, value in new.tags.items():
            if left.tags.get(tag) != storable(value):
                self._place.tracker.log(left.id, saying(tag, value))
        return left.id

    def _bearers(self, name: str, experiment: str) -> list[Tracked]:
        return list(self._place.tracker.find([experiment], KEY_TAG, name))

    def _bearers_in(self, name: str, experiment: str) -> list[Tracked]:
        there = self._place.tracker.experiment_there(experiment)
        return [] if there is None else self._bearers(name, there)

    def delete_others(self, name: str, run: Tracked, experiment: str) -> None:
        """Delete what bears the name, is not claimed, and was never written to.

        What that is lies in the run's experiment, or in that of who asks: the sites of a job may log to several.
        """
        ours = self._place.tracker.experiment_there(experiment)
        experiments = {run.experiment_id} if ours is None else {run.experiment_id, ours}
        for other in list(self._place.tracker.find(sorted(experiments), KEY_TAG, name)):
            if other.id != run.id and not other.written:
                self._place.tracker.delete(other.id)


def claim_of_run(key: RunKey) -> str:
    """Return the name under which the run of a (site, run) is claimed."""
    site, run = key.tokens
    return f"run.{site}.{run}"


def tags_of_run(key: RunKey) -> Mapping[str, str]:
    """Return the tags that say whose run it is."""
    return {SITE_TAG: key.site, RUN_TAG: key.run}


def _age(run: Tracked) -> tuple[bool, int, str]:
    """Order runs of one name: those that were written to first, the oldest of them before the others."""
    return (not run.written, run.start, run.id)
