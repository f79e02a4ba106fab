"""Receipts: one message a run and route, replaced as the run goes on, by compare-and-set."""

from __future__ import annotations

import asyncio

from nats.aio.client import Client

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.errors import BrokerBusy, Conflict, mapped_errors
from sitewire.broker_config.leader import last_message
from sitewire.broker_config.names import RECEIPTS_STREAM
from sitewire.broker_config.patient_client import pause
from sitewire.broker_config.stored import Latest
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.receipt import Receipt, decode_receipt, encode_receipt
from sitewire.schemas.subject import RunKey, receipt_subject
from sitewire.workers.errors import UnitLost

PERIOD = 1.0  # seconds between two receipts of a run that goes on
MANY = 500  # positions; writing more of them takes longer than the loop may be held up
_TIMEOUT = 5.0  # seconds
_EXPECTED = "Nats-Expected-Last-Subject-Sequence"


class ReceiptBook:
    """The receipts of one route, as one owner of a partition knows them.

    A sink without a lock is fenced here: of two who take themselves for the owner, one finds a receipt that it has
    not written.
    """

    def __init__(self, client: Client, route: str) -> None:
        self._client = client
        self._route = route
        self._sequences: dict[RunKey, int] = {}
        self._sent: dict[RunKey, set[bytes]] = {}

    async def load(self, run: RunKey, sink: str) -> Receipt | None:
        """Return the last receipt of a run, if it is about this sink.

        Raises:
            BrokerError: the stream could not be read.
        """
        found = await self._read(run)
        self._sequences[run] = 0 if found is None else found.sequence
        try:
            receipt = decode_receipt(b"" if found is None else found.data)
        except SchemaError:
            return None
        return receipt if receipt.sink == sink else None

    async def publish(self, run: RunKey, receipt: Receipt) -> None:
        """Replace a run's receipt, which was loaded before; stored when this returns.

        Raises:
            UnitLost: somebody else has replaced it.
            BrokerError: it was not stored, as far as is known.
        """
        data = await _encoded(receipt)
        sent = self._sent.setdefault(run, set())
        sent.add(data)
        try:
            self._sequences[run] = await self._store(run, data)
        except Conflict:
            found = await self._read(run)
            if self._sequences[run] == (0 if found is None else found.sequence):
                msg = "the one before is still on its way through the cluster"
                raise BrokerBusy(msg) from None
            if found is None or found.data not in sent:
                msg = f"the receipt of {run.run}/{run.site} was written by somebody else"
                raise UnitLost(msg) from None
            self._sequences[run] = found.sequence  # our own, of which the answer was lost
            if found.data != data:
                self._sequences[run] = await self._store(run, data)
        sent.clear()

    async def pause(self, backoff: Backoff) -> None:
        """Wait before another attempt, but no longer than until the broker is back."""
        await pause(self._client, backoff.draw())

    def forget(self, run: RunKey) -> None:
        """Let go of what is known of a run; it has to be loaded before it is published again."""
        self._sequences.pop(run, None)
        self._sent.pop(run, None)

    async def _store(self, run: RunKey, data: bytes) -> int:
        headers = {_EXPECTED: str(self._sequences[run])}
        subject = receipt_subject(self._route, run)
        with mapped_errors():
            stored = await self._client.jetstream().publish(subject, data, timeout=_TIMEOUT, headers=headers)
        return stored.seq

    async def _read(self, run: RunKey) -> Latest | None:
        return await last_message(self._client, RECEIPTS_STREAM, receipt_subject(self._route, run))


async def _encoded(receipt: Receipt) -> bytes:
    # A hundred milliseconds for 20,000 positions.
    if len(receipt.positions) < MANY:
        return encode_receipt(receipt)
    return await asyncio.to_thread(encode_receipt, receipt)
