"""One writer's ack loop: read, send, wait for the broker, advance, in that order and for ever.

One envelope of a class is in flight at a time: a window would reorder (on a full stream a large envelope
is refused and the next, small one stored: measured), and one is enough.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import Permanent, Temporary
from sitewire.collectors.publisher.batcher import Parcel, parcels
from sitewire.collectors.publisher.ledger import Ledger
from sitewire.collectors.publisher.link import Link
from sitewire.collectors.spool.directory import WriterDirectory
from sitewire.collectors.spool.reader import Item, SpoolReader
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import RunKey, Subject

READ_LIMIT = 3000  # items a cycle: bounds memory, and how long the loop holds the interpreter
FLUSH_INTERVAL = 0.1  # seconds between two looks at a live writer's spool
SAVE_INTERVAL = 1.0  # seconds between two saved cursors; a lost one only causes resends

_logger = logging.getLogger("sitewire.publisher")
_T = TypeVar("_T")


class Drain:
    """Drains one writer's directory, whose draining lock the caller holds.

    Attributes:
        wake: set it to have the spool looked at now.
        caught_up: whether all that the last look found has been acknowledged, and it had found all there was.
        acknowledged: indexes that the broker has acknowledged to this drain.
    """

    def __init__(
        self,
        link: Link,
        directory: WriterDirectory,
        *,
        refusals: Callable[[], Mapping[str, int]] | None = None,
        on_progress: Callable[[Mapping[RecordClass, int]], None] = lambda _: None,
    ) -> None:
        self.directory = directory
        self.reader = SpoolReader(directory)
        self.wake = asyncio.Event()
        self.caught_up = False
        self.acknowledged = 0
        self._asked = False
        self._sequences: dict[RecordClass, int] = {}
        self._forgotten = False
        self._link = link
        self._on_progress = on_progress
        self._ledger = Ledger(link, directory, self.reader, refusals)
        self._saved = time.monotonic()

    @property
    def generation(self) -> int:
        """The connection that the account was last published on."""
        return self._ledger.generation

    def look_again(self) -> None:
        """Be caught up only when a look that begins after this call has been sent."""
        self._asked, self.caught_up = True, False
        self.wake.set()

    async def run(self) -> None:
        """Send until the writer is gone or has ended and everything of it has been acknowledged.

        Raises:
            Permanent: the broker refuses this writer for good (its site, its credentials).
        """
        try:
            while True:
                heed_cancellation()
                self._asked = False
                alive, items = await asyncio.to_thread(self._look)
                if not await self._keep_account(alive=alive):
                    continue
                await self._send(parcels(items))
                if self._forgotten:
                    await self._begin_again()
                    continue
                self.caught_up = len(items) < READ_LIMIT and not self._asked
                over = not alive and not items and self.reader.at_end
                if over and await self._keep_account(alive=False, now=True):
                    break
                await self._save_sometimes()
                if len(items) < READ_LIMIT and alive:
                    await self._pause()
        finally:
            await asyncio.to_thread(self.reader.save)

    async def close(self) -> None:
        """Let go of the spool's files."""
        await asyncio.to_thread(self.reader.close)

    def _look(self) -> tuple[bool, list[Item]]:
        alive = self.directory.is_alive()  # asked before the read: what is read of a dead writer is all there is
        return alive, self.reader.read(READ_LIMIT)

    def _rewind(self) -> None:
        self.reader.rewind()
        self.reader.save()  # before anything is told to the broker: whoever comes next could not notice any more

    async def _keep_account(self, *, alive: bool, now: bool = False) -> bool:
        """Publish the account; whether the broker still has what it had acknowledged. If not, all begins again."""
        now = now or self._ledger.broker_returned
        kept = await self._retrying(lambda: self._ledger.publish(alive=alive, now=now))
        if not kept:
            await self._begin_again()
        return kept

    async def _begin_again(self) -> None:
        self._link.say_once(
            "this broker does not hold what was sent before (a new store, or a restored one?); "
            "sending again what the spool still has of it"
        )
        self._forgotten = False
        self._sequences.clear()
        await asyncio.to_thread(self._rewind)

    async def _send(self, lists: Mapping[RecordClass, list[Parcel]]) -> None:
        async with asyncio.TaskGroup() as group:
            for record_class, queue in lists.items():
                group.create_task(self._send_class(queue), name=f"publish {record_class} of {self.directory.path.name}")

    async def _send_class(self, queue: list[Parcel]) -> None:
        for parcel in queue:
            await self._deliver(parcel)
            self.reader.acknowledge(parcel.record_class, parcel.end)
            self.acknowledged += parcel.end - parcel.first
            self._on_progress(self.reader.published)

    async def _deliver(self, parcel: Parcel) -> None:
        identity = self.directory.identity
        subject = str(Subject(RunKey(identity.site, identity.run), parcel.record_class, identity.writer))
        payload = parcel.encode(identity.writer, identity.experiment)
        try:
            sequence = await self._retrying(lambda: self._link.publish(subject, payload))
        except Permanent as error:
            # A broker with a smaller payload limit: halve it. A record that no message can hold becomes a hole.
            if len(parcel.packed) > 1:
                for half in parcel.halves():
                    await self._deliver(half)
            elif parcel.packed:
                self._link.say_once(f"a record of {parcel.size} bytes was refused by the broker: {error}")
                await self._deliver(parcel.emptied())
            else:
                raise
        else:
            # A stream's sequences only rise, unless it was put back to what it was before.
            self._forgotten |= sequence <= self._sequences.get(parcel.record_class, 0)
            self._sequences[parcel.record_class] = sequence

    async def _retrying(self, attempt: Callable[[], Awaitable[_T]]) -> _T:
        backoff = Backoff(first=0.1, most=5.0)
        while True:
            heed_cancellation()
            try:
                return await attempt()
            except Temporary as error:
                self._link.say_once(f"{error}; sending again until the broker has it")
                await backoff.pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(FLUSH_INTERVAL):
                await self.wake.wait()
        except TimeoutError:
            pass
        self.wake.clear()

    async def _save_sometimes(self) -> None:
        if time.monotonic() - self._saved >= SAVE_INTERVAL:
            await asyncio.to_thread(self.reader.save)
            self._saved = time.monotonic()
