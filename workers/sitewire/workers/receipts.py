"""Receipts: one message a run and route, replaced as the run goes on."""

from __future__ import annotations

from nats.aio.client import Client

from sitewire.broker_config.errors import NotThere, mapped_errors
from sitewire.broker_config.names import RECEIPTS_STREAM
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.receipt import Receipt, decode_receipt, encode_receipt
from sitewire.schemas.subject import RunKey, receipt_subject

PERIOD = 1.0  # seconds between two receipts of a run that goes on
_TIMEOUT = 5.0  # seconds


class ReceiptBook:
    """The receipts of one route."""

    def __init__(self, client: Client, route: str) -> None:
        self._client = client
        self._route = route

    async def load(self, run: RunKey, sink: str) -> Receipt | None:
        """Return the last receipt of a run, if it is about this sink.

        Raises:
            BrokerError: the stream could not be read.
        """
        try:
            with mapped_errors():
                found = await self._client.jsm().get_msg(
                    RECEIPTS_STREAM, subject=receipt_subject(self._route, run), direct=True
                )
            receipt = decode_receipt(found.data or b"")
        except (NotThere, SchemaError):
            return None
        return receipt if receipt.sink == sink else None

    async def publish(self, run: RunKey, receipt: Receipt) -> None:
        """Replace a run's receipt; stored when this returns.

        Raises:
            BrokerError: it was not stored.
        """
        with mapped_errors():
            await self._client.jetstream().publish(
                receipt_subject(self._route, run), encode_receipt(receipt), timeout=_TIMEOUT
            )
