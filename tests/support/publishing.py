"""A publisher at work, and waiting for what it does."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from nats.aio.client import Client
from nats.js.errors import NotFoundError

from sitewire.collectors.publisher.thread import Publisher
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.account import Account
from sitewire.schemas.record import RecordClass
from support.spool import account_of, identity, steps, stored

SCALARS = RecordClass.SCALARS


def started(publisher: Publisher, *writers: SpoolWriter) -> Publisher:
    publisher.start()
    for writer in writers:
        publisher.attach(writer, dict)
    return publisher


async def until_stored(client: Client, writer: str, count: int) -> None:
    async with asyncio.timeout(20):
        while steps(await stored(client, writer)) != identity(count):
            await asyncio.sleep(0.1)


async def account_with(client: Client, writer: SpoolWriter, assigned: int) -> Account:
    """Wait until a writer's account knows of so many scalars."""
    async with asyncio.timeout(20):
        while True:
            with suppress(NotFoundError):  # none yet
                account = await account_of(client, writer.directory.path.name)
                if account.classes[SCALARS].assigned == assigned:
                    return account
            await asyncio.sleep(0.05)
