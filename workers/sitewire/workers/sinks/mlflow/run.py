"""One run in MLflow. It is made when the first records of it come, and found again by its claim."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sitewire.schemas.ending import Ending
from sitewire.schemas.envelope import Span
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import Kind, Record
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import NotOpen, Temporary
from sitewire.workers.point import Point, reached, watched
from sitewire.workers.sinks.claims import Claims
from sitewire.workers.sinks.contract import Delivery, Outcome, RunSink
from sitewire.workers.sinks.mlflow.batch import Batch
from sitewire.workers.sinks.mlflow.creation import Creation, claim_of_run, tags_of_run
from sitewire.workers.sinks.mlflow.ending import ENDING_TAG, STATUS, encode_ending, end_time
from sitewire.workers.sinks.mlflow.errors import RunDeleted
from sitewire.workers.sinks.mlflow.forms import Writer, milliseconds
from sitewire.workers.sinks.mlflow.known import Known
from sitewire.workers.sinks.mlflow.mending import mending
from sitewire.workers.sinks.mlflow.nesting import Nesting
from sitewire.workers.sinks.mlflow.place import Place
from sitewire.workers.sinks.mlflow.positions import read_positions
from sitewire.workers.sinks.mlflow.request import Request
from sitewire.workers.sinks.mlflow.tracked import PARENT_TAG, PLACE_TAG, NewRun, Tracked
from sitewire.workers.sinks.progress import Progress


class MlflowRun(RunSink):
    """The run of one (site, run).

    A batch is sent when it is written: each of its requests carries how far it goes, so nothing is left for the commit.
    """

    def __init__(self, place: Place, claims: Claims, key: RunKey, experiment: str, found: Tracked | None) -> None:
        self._place = place
        self._creation = Creation(place, claims)
        self._nesting = Nesting(place, claims, key, experiment)
        self._key = key
        self._experiment = experiment
        self._tracked = found
        self._known = None if found is None else Known(found)
        self._progress = Progress({} if found is None else read_positions(found.tags))
        self._sound = True

    @classmethod
    async def open(cls, place: Place, claims: Claims, key: RunKey, experiment: str) -> MlflowRun:
        """Find the run, and how far it has come.

        Raises:
            RunDeleted: somebody has put it into the bin.
            PlaceUnreadable: its tags are not what this build has written.
            WorkerError, BrokerError: nobody can say.
        """
        found = await Creation(place, claims).find(claim_of_run(key), experiment)
        reached(Point.RUN_LISTED)
        if found is not None and found.deleted:
            raise RunDeleted(await place.call(place.tracker.restoring, found))
        run = cls(place, claims, key, experiment, found)
        await run._heal()
        return run

    @property
    def positions(self) -> Mapping[StreamKey, Position]:
        """What is committed."""
        return self._progress.committed

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        """Send a batch, request by request; readers see it at once."""
        self._begin()
        if deliveries:
            records = list(_delivered(deliveries))
            new = self._tracked is None
            run, known = await self._made(records)
            requests = await self._place.call(self._plan, known, deliveries)
            for number, request in enumerate(requests, 1):
                await self._send(run, request, more=number < len(requests))
            if any(record.kind is Kind.RUN_START for record in records):
                await self._nest(run, known)
            if new:
                await self._nesting.adopt(run)
        self._sound = True

    async def commit(self) -> None:
        """Move the positions: what was written is durable since MLflow has answered."""
        self._begin()
        self._progress.commit()
        self._sound = True

    async def conclude(self, ending: Ending) -> None:
        """Set the run's status, and the job's by those of its sites."""
        self._begin()
        run, known = await self._made((), milliseconds(ending.time))
        await self._place.call(self._mend, run.id, known)
        request = Request()
        request.tags[ENDING_TAG] = encode_ending(ending)
        await self._place.call(self._place.tracker.log, run.id, request)
        await self._place.call(self._place.tracker.update, run.id, STATUS[ending.state], end_time(ending))
        # Behind its status: a site that makes the job's run just now sees it there.
        await self._nest(run, known)
        await self._nesting.adopt(run)
        self._sound = True

    async def close(self) -> None:
        """Refuse what comes later. What was written and not committed is counted when the run is opened again."""
        self._sound = False

    def _begin(self) -> None:
        """Refuse to go on after a failure: only MLflow knows how much of it is there."""
        if not self._sound:
            msg = f"{self._key.run}/{self._key.site}: closed, or failed before; open it again"
            raise NotOpen(msg)
        self._sound = False

    async def _made(self, records: Sequence[Record], start: int = 0) -> tuple[Tracked, Known]:
        """Return the run, and make it if there is none: its earliest record says when it began; without any, now."""
        if self._tracked is None or self._known is None:
            start = start or milliseconds(min((record.time for record in records), default=time.time()))
            new = NewRun(self._experiment, self._key.site, start, tags_of_run(self._key))
            self._tracked = await self._creation.make(claim_of_run(self._key), new)
            self._known = Known(self._tracked)
            if self._tracked.written:
                msg = f"{self._key.run}/{self._key.site}: somebody else has made the run, and begun to write to it"
                raise Temporary(msg)
        return self._tracked, self._known

    async def _heal(self) -> None:
        """Nest a run that is not, although its beginning has come: it was alone, or an owner has died in between."""
        run, known = self._tracked, self._known
        if run is not None and known is not None and PLACE_TAG in known.tags and PARENT_TAG not in known.tags:
            await self._nest(run, known)

    async def _nest(self, run: Tracked, known: Known) -> None:
        nested = await self._nesting.nest(replace(run, tags=known.tags))
        known.tags.update(nested.tags)

    def _plan(self, known: Known, deliveries: Sequence[Delivery]) -> Sequence[Request]:
        total = sum(len(item.stretch.records) for item in deliveries if isinstance(item.stretch, Span))
        batch = Batch(known, self._progress, -(-total // 2) or None if watched() else None)
        writer = Writer(batch, self._key)
        for delivery in deliveries:
            batch.take(delivery, writer.write)
        return batch.finish()

    def _mend(self, run_id: str, known: Known) -> None:
        stored = self._place.tracker.get(run_id).tags
        for request in mending(known.tags, self._progress.committed, stored):
            self._place.tracker.log(run_id, request)

    async def _send(self, run: Tracked, request: Request, *, more: bool) -> None:
        reached(Point.REQUEST_BEGINS)
        for path, text in request.files.items():
            await self._place.call(self._place.tracker.put_text, run, path, text)
        await self._place.call(self._place.tracker.log, run.id, request)
        if more:
            reached(Point.REQUEST_ANSWERED)


def _delivered(deliveries: Sequence[Delivery]) -> Sequence[Record]:
    return [
        record
        for item in deliveries
        if isinstance(item.stretch, Span) and item.outcome is Outcome.DELIVERED
        for record in item.stretch.records
    ]
