"""What the parked runs of one partition of a route share."""

from __future__ import annotations

import asyncio
from typing import Final

from nats.aio.client import Client

from sitewire.workers.parked_book import ParkedBook
from sitewire.workers.slots import Slots
from sitewire.workers.stored_runs import StoredRuns

TRYING: Final = 2
"""Parked runs of a partition that read and write at once: each holds up to ``READ_BYTES``."""

PATIENCE: Final = 2.0  # seconds after which one that hangs does not count among them


class ParkingLot:
    """What the parked runs of one partition of a route share.

    Attributes:
        book: where they are kept.
        stored: what they are read from.
        trying: who of them may read.
        called: set when there is something to do for ``Parking`` before it looks again by itself.
    """

    def __init__(self, client: Client, route: str, partition: int) -> None:
        self.book = ParkedBook(client, route, partition)
        self.stored = StoredRuns(client, route, partition)
        self.trying = Slots(TRYING, PATIENCE)
        self.called = asyncio.Event()
