"""The stream, read beside the consumers, one message at a time, as its leader has it.

A gap is given up because the stream has nothing in its place: a replica that is behind must not say so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from nats.aio.client import Client

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import mapped_errors
from sitewire.broker_config.latest import read_latest
from sitewire.broker_config.leader import last_message, next_message
from sitewire.broker_config.names import ACCOUNTS_STREAM, METRICS_STREAM, RETRIES_STREAM
from sitewire.schemas.account import Account, decode_account
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.subject import RETRY, RunKey, account_subject, parse_account_subject
from sitewire.workers.arrival import Arrival, read


class Stream:
    """Questions to the broker about what it stores. Every method may raise ``BrokerError``."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._manager = client.jsm()

    async def first_sequence(self) -> int:
        """Return the sequence of the oldest message that the metrics stream keeps."""
        with mapped_errors():
            return (await self._manager.stream_info(METRICS_STREAM)).state.first_seq

    async def base(self, subject: str, start: int) -> int | None:
        """Return the first index of the earliest readable message of a subject, or None if there is no message.

        Args:
            subject: as stored.
            start: the stream sequence to begin at.
        """
        async for arrival in self.messages(subject, start):
            return arrival.envelope.first
        return None

    async def messages(
        self, subject: str, start: int, end: int | None = None, *, unreadable: Callable[[int], None] | None = None
    ) -> AsyncIterator[Arrival]:
        """Yield what a stored subject holds, in the order of the stream; unreadable messages are passed over.

        Args:
            subject: as stored.
            start: the first stream sequence.
            end: the stream sequence to stop before; to the last if None.
            unreadable: called with the sequence of each message that is passed over.
        """
        stream = RETRIES_STREAM if subject.startswith(f"{RETRY}.") else METRICS_STREAM
        sequence = max(start, 1)
        while end is None or sequence < end:
            heed_cancellation()
            found = await next_message(self._client, stream, subject, sequence)
            if found is None or (end is not None and found.sequence >= end):
                return
            sequence = found.sequence + 1
            try:
                arrival = read(subject, found.sequence, found.data)
            except SchemaError:
                if unreadable is not None:
                    unreadable(found.sequence)
                continue  # its consumer's delivery reports it
            yield arrival

    async def accounts(self, run: RunKey) -> dict[str, Account]:
        """Return what is said of the writers of a run, by writer; what cannot be read is left out."""
        found: dict[str, Account] = {}
        for item in await read_latest(self._client, ACCOUNTS_STREAM, account_subject(run, "*")):
            with suppress(SchemaError):
                found[parse_account_subject(item.subject)[1]] = decode_account(item.data)
        return found

    async def account(self, run: RunKey, writer: str) -> Account | None:
        """Return what a writer's publisher last said, or None if it never did."""
        found = await last_message(self._client, ACCOUNTS_STREAM, account_subject(run, writer))
        try:
            return decode_account(found.data) if found is not None else None
        except SchemaError:
            return None
