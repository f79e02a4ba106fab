"""One writer's ack loop: read, send, wait for the broker, advance, in that order and for ever.

One envelope of a class is in flight at a time: a window would reorder (on a full stream a large envelope
is refused and the next, small one stored: measured), and one is enough.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import Permanent, StreamFull, Temporary
from sitewire.collectors.publisher import ledger
from sitewire.collectors.publisher.batcher import Parcel, parcels
from sitewire.collectors.publisher.ledger import Ledger
from sitewire.collectors.publisher.link import Link
from sitewire.collectors.spool.directory import WriterDirectory
from sitewire.collectors.spool.reader import Item, SpoolReader
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import RunKey, Subject

READ_LIMIT = 3000  # items a cycle: bounds memory, and how long the loop holds the interpreter
FLUSH_INTERVAL = 0.2
"""Seconds between two looks at a living writer's spool.

An envelope costs much the same all the way to the tracker, whatever is in it: with ten a second, 32 trainers of
300 records a second each took two thirds of a core to publish them.
"""

SAVE_INTERVAL = 1.0  # seconds between two saved cursors; a lost one only causes resends
MOST_BETWEEN = 5.0  # seconds between two attempts, while the broker is in trouble
ROOM_AFTER = 1.0  # seconds between two attempts, while it has no room
LAST_WORD_AFTER = 0.2  # seconds: what goes through meanwhile needs no account in between

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
        self._last_word = asyncio.Event()
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

    def say_last_word(self) -> None:
        """Tell the account soon if the broker has no room: there may be no time left to wait until it has."""
        self._last_word.set()

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
        kept = await self._told(alive=alive, now=now)
        if not kept:
            await self._begin_again()
        return kept

    async def _told(self, *, alive: bool, now: bool = False) -> bool:
        now = now or self._ledger.broker_returned
        return await self._retrying(lambda: self._ledger.publish(alive=alive, now=now))

    async def _begin_again(self) -> None:
        self._link.say_once(
            "this broker does not hold what was sent before (a new store, or a restored one?); "
            "sending again what the spool still has of it"
        )
        self._forgotten = False
        self._sequences.clear()
        await asyncio.to_thread(self._rewind)

    async def _send(self, lists: Mapping[RecordClass, list[Parcel]]) -> None:
        if not lists:
            return
        name = self.directory.path.name
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell_meanwhile(), name=f"account of {name}")
            await asyncio.wait(
                [
                    group.create_task(self._send_class(queue), name=f"publish {at} of {name}")
                    for at, queue in lists.items()
                ]
            )
            telling.cancel()

    async def _tell_meanwhile(self) -> None:
        """Go on with the account while a full stream takes nothing: the writer is not silent, its records wait."""
        while not self._forgotten:
            heed_cancellation()
            last = await self._until_due()
            alive = await asyncio.to_thread(self.directory.is_alive)
            try:
                self._forgotten |= not await self._ledger.publish(alive=alive, now=last)
            except Temporary:
                continue  # the broker is away, and so would the account be
            if last:
                self._last_word.clear()

    async def _until_due(self) -> bool:
        """Wait until an account may be due; whether it is the last word, and due in any case."""
        try:
            async with asyncio.timeout(ledger.PERIOD):
                await self._last_word.wait()
        except TimeoutError:
            return False
        await asyncio.sleep(LAST_WORD_AFTER)
        return True

    async def _send_class(self, queue: list[Parcel]) -> None:
        room = Backoff(first=0.1, most=ROOM_AFTER)
        for parcel in queue:
            await self._deliver(parcel, room)

    async def _deliver(self, parcel: Parcel, room: Backoff) -> None:
        """Have the broker store a parcel; in pieces, if it has no room or takes no message of that size.

        Where there is no room, half as much is sent at each refusal, down to one record: so it costs next to nothing
        to ask often, and what room there is gets used. Once there is some the pieces double again, so a parcel
        becomes about a dozen messages, not one a record.
        """
        pieces = [parcel]
        while pieces:
            heed_cancellation()
            piece = pieces.pop()
            try:
                await self._publish(piece)
            except StreamFull as error:
                self._link.say_once(f"the broker has no room: {error}; records wait in the spool until it has")
                await room.pause()
                pieces.extend(reversed(piece.halves() if len(piece.packed) > 1 else [piece]))
            except Permanent as error:
                pieces.extend(reversed(self._smaller(piece, error)))
            else:
                room.reset()
                self.reader.acknowledge(piece.record_class, piece.end)
                self.acknowledged += piece.end - piece.first
                self._on_progress(self.reader.published)

    async def _publish(self, piece: Parcel) -> None:
        identity = self.directory.identity
        subject = str(Subject(RunKey(identity.site, identity.run), piece.record_class, identity.writer))
        payload = piece.encode(identity.writer, identity.experiment)
        sequence = await self._retrying(lambda: self._link.publish(subject, payload), unless=StreamFull)
        # A stream's sequences only rise, unless it was put back to what it was before.
        self._forgotten |= sequence <= self._sequences.get(piece.record_class, 0)
        self._sequences[piece.record_class] = sequence

    def _smaller(self, piece: Parcel, error: Permanent) -> Sequence[Parcel]:
        """Halve it, for a broker with a smaller payload limit. A record that no message can hold becomes a hole."""
        if len(piece.packed) > 1:
            return piece.halves()
        if not piece.packed:
            raise error
        self._link.say_once(f"a record of {piece.size} bytes was refused by the broker: {error}")
        return (piece.emptied(),)

    async def _retrying(self, attempt: Callable[[], Awaitable[_T]], unless: type[Temporary] | tuple[()] = ()) -> _T:
        """Try until it works; trouble of the type ``unless`` is the caller's."""
        backoff = Backoff(first=0.1, most=MOST_BETWEEN)
        while True:
            heed_cancellation()
            try:
                return await attempt()
            except unless:
                raise
            except Temporary as error:
                self._link.say_once(f"{error}; sending again until the broker has it")
                await self._link.pause(backoff)

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
