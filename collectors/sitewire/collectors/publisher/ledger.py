"""A writer's account, as its publisher keeps it in the broker; and the broker's lost memory, noticed by it.

Only one publisher at a time drains a writer, so the account's last sequence is known here. A broker
that has another one, a lower one, has lost its store or got back an old copy of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from sitewire.broker_config.errors import BrokerBusy
from sitewire.collectors.publisher.link import Link, WrongSequence
from sitewire.collectors.spool.directory import WriterDirectory
from sitewire.collectors.spool.reader import SpoolReader
from sitewire.collectors.spool.refused import load_refused, save_refused
from sitewire.schemas.account import Account, ClassAccount, encode_account
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import RunKey, account_subject

PERIOD = 1.0  # seconds between two accounts of a writer that goes on
HEARTBEAT = 30.0  # seconds between two accounts of a living writer that logs nothing: it is not silent


class Ledger:
    """Publishes the account of one writer when it has changed.

    Attributes:
        generation: of the connection that the account was last published on.
    """

    def __init__(
        self,
        link: Link,
        directory: WriterDirectory,
        reader: SpoolReader,
        refusals: Callable[[], Mapping[str, int]] | None,
    ) -> None:
        identity = directory.identity
        self._link = link
        self._directory = directory
        self._reader = reader
        self._refusals = refusals
        self._refused: Mapping[str, int] = load_refused(directory.path)
        self._subject = account_subject(RunKey(identity.site, identity.run), identity.writer)
        self._published: Account | None = None
        self._due = 0.0
        self._heartbeat = 0.0
        self.generation = 0
        self._last = reader.cursor.account_sequence

    @property
    def broker_returned(self) -> bool:
        """Whether the connection is another than the one that the account was last published on."""
        return self.generation != self._link.generation

    async def publish(self, *, alive: bool, now: bool = False) -> bool:
        """Publish the account if it has changed and is due.

        Args:
            alive: whether the writer's process lives.
            now: publish in any case.

        Returns:
            Whether the broker still has what it had acknowledged. If not, nothing was published: first everything
            held has to count as not sent, on the disk too, and then the account is due.

        Raises:
            BrokerError: not stored.
        """
        if not now and time.monotonic() < self._due:
            return True
        account = await asyncio.to_thread(self._account, alive=alive)
        if account == self._published and not now and time.monotonic() < self._heartbeat:
            return True
        generation = self._link.generation
        if not await self._store(encode_account(account)):
            return False
        self._published = account
        self.generation = generation
        self._due = time.monotonic() + PERIOD
        self._heartbeat = time.monotonic() + HEARTBEAT
        return True

    async def _store(self, payload: bytes) -> bool:
        try:
            sequence = await self._link.publish(self._subject, payload, expected=self._last)
        except WrongSequence as wrong:
            known, self._last = self._last, wrong.found
            if wrong.found < known:
                return False  # the broker has forgotten; the cursor keeps what was known until all is sent again
            # Our own, whose acknowledgement did not arrive.
            sequence = await self._store_behind(payload, wrong.found)
        self._reader.cursor.account_sequence = self._last = sequence
        return True

    async def _store_behind(self, payload: bytes, last: int) -> int:
        try:
            return await self._link.publish(self._subject, payload, expected=last)
        except WrongSequence as wrong:
            msg = f"somebody else tells the account {self._subject} too"
            raise BrokerBusy(msg) from wrong

    def _account(self, *, alive: bool) -> Account:
        reader, identity, state = self._reader, self._directory.identity, self._directory.state()
        reader.note_assigned(state.assigned)  # far more than was read, while the broker has no room
        classes: dict[RecordClass, ClassAccount] = {}
        for name, assigned in reader.assigned.items():
            if assigned:
                published = reader.published.get(name, 0)
                classes[name] = ClassAccount(max(assigned, published), published, reader.held.get(name, 0))
        return Account(
            classes,
            alive,
            state.ended,
            self._note_refused(),
            identity.experiment,
            identity.started,
            identity.forked,
            state.failed,
            # Not before all that it left has been looked at: until then more may have been assigned than is known here.
            0.0 if alive or not reader.at_end else max(self._directory.last_written(), identity.started),
        )

    def _note_refused(self) -> Mapping[str, int]:
        """Return what the writer's log calls refused, and keep it: who drains it when it is dead cannot ask."""
        if self._refusals is not None and (counts := dict(self._refusals())) != self._refused:
            self._refused = counts
            save_refused(self._directory.path, counts)
        return self._refused
