"""Everything on one machine: the embedded broker, every route, and the local spool collected."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path

from sitewire.broker_config.model import Config
from sitewire.collectors.publisher.collector import Collector, nobody_else_publishes
from sitewire.collectors.publisher.link import Link
from sitewire.deploy.broker.embedded import EmbeddedBroker
from sitewire.workers.worker import Worker

_logger = logging.getLogger("sitewire.deploy")


class Stack:
    """What ``up`` and ``demo`` run."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._worker = Worker(config)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set, then end in the order workers, collection, broker.

        Raises:
            DeployError: the broker cannot be started, or dies again and again.
            Permanent: a sink cannot work as it is configured.
        """
        async with AsyncExitStack() as stack:
            if self._config.broker.embedded is not None:
                broker = await stack.enter_async_context(EmbeddedBroker(self._config.broker.embedded))
                _logger.info("the broker listens at %s", broker.endpoint.place)
            async with asyncio.TaskGroup() as group:
                collecting = group.create_task(self._collect(), name="collect the local spool")
                await self._worker.run(stop)
                collecting.cancel()

    async def ready(self) -> None:
        """Wait until the routes are taken up."""
        await self._worker.ready.wait()

    async def _collect(self) -> None:
        spool = self._config.collect.spool
        if not await asyncio.to_thread(_can_be_a_spool, spool):
            _logger.warning("nothing is collected: %s is no folder; name one as `collect.spool`", spool)
        await self._worker.ready.wait()  # the streams are there then
        link = Link(self._config.broker.endpoint, "sitewire up")
        async with link.open():
            await Collector(link, spool, nobody_else_publishes).run()


def _can_be_a_spool(path: Path) -> bool:
    return path.is_dir() or not path.exists()  # a trainer may make it later
