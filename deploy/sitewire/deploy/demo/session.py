"""One demo, from the first process to the last receipt, while the stack runs around it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from nats.aio.client import Client

from sitewire.broker_config.connection import connect
from sitewire.broker_config.model import Config
from sitewire.deploy.accounting import RunRow, read_rows
from sitewire.deploy.demo.books import expected_rows, shortfalls
from sitewire.deploy.demo.federation import Federation
from sitewire.deploy.demo.messages import Averaged, Finished, News
from sitewire.deploy.demo.network import Score
from sitewire.deploy.demo.place import Place
from sitewire.deploy.demo.plan import SERVER, Plan
from sitewire.deploy.demo.progress import Display
from sitewire.schemas.subject import RunKey

LOOK_INTERVAL: Final = 0.5  # seconds
PATIENCE: Final = 60.0
"""Seconds that the last records may take after the training."""

EXPERIMENT: Final = "digits"


class Session:
    """Trains, and waits until everything has been delivered.

    Attributes:
        score: of the last averaged network on the coordinator's test set.
        points: scalars that each origin says it has logged, by tag.
        rows: the receipts of this run, as they were last read.
        problems: what does not add up in them, a line each.
    """

    def __init__(self, place: Place, plan: Plan, display: Display) -> None:
        self._place = place
        self._display = display
        self._origins = [RunKey(name, place.run) for name in (*plan.names, SERVER)]
        self._federation = Federation(plan, _environment(place.config, place.run))
        self.score = Score(0.0, 0.0)
        self.points: dict[RunKey, Mapping[str, int]] = {}
        self.rows: Sequence[RunRow] = ()
        self.problems: Sequence[str] = ("nothing was trained",)

    async def run(self) -> None:
        """Train and deliver. When cancelled, the processes are ended first.

        Raises:
            SiteEnded: a process ended before its work was done.
            BrokerError: the broker cannot be reached.
        """
        client = await connect(self._place.config.broker.endpoint, name="sitewire demo")
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watch(client), name="watch the delivery")
                await self._train()
                watching.cancel()
            await self._settle(client)
        finally:
            await client.close()

    async def _train(self) -> None:
        self._federation.start()
        following = asyncio.create_task(
            asyncio.to_thread(self._federation.follow, self._tell), name="follow the training"
        )
        try:
            await asyncio.shield(following)
        except asyncio.CancelledError:
            self._federation.stop()
            await asyncio.wait({following})
            following.exception()  # that it was stopped is no news
            raise

    def _tell(self, news: News) -> None:
        if isinstance(news, Averaged):
            self.score = news.score
        elif isinstance(news, Finished):
            self.points[RunKey(news.site, self._place.run)] = news.points
        self._display.tell(news)

    async def _watch(self, client: Client) -> None:
        while True:
            await self._look(client)
            await asyncio.sleep(LOOK_INTERVAL)

    async def _settle(self, client: Client) -> None:
        """Look until nothing is missing; what still is after a while stays in ``problems``."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    await self._look(client)
                    if not self.problems:
                        return
                    await asyncio.sleep(LOOK_INTERVAL)
        except TimeoutError:
            return

    async def _look(self, client: Client) -> None:
        rows = await read_rows(client, self._place.config)
        self.rows = [row for row in rows if row.run == self._place.run]
        self.problems = shortfalls(self.rows, expected_rows(self._place.config, self._origins))
        self._display.deliver(sum(row.delivered for row in self.rows), sum(row.logged for row in self.rows))


def _environment(config: Config, run: str) -> dict[str, str]:
    """Return what a user would set beside a trainer."""
    endpoint = config.broker.endpoint
    variables = {
        "SITEWIRE_URL": endpoint.url,
        "SITEWIRE_RUN": run,
        "SITEWIRE_EXPERIMENT": EXPERIMENT,
        "SITEWIRE_SPOOL": str(config.collect.spool),
        "SITEWIRE_CREDS": str(endpoint.creds or ""),
        "SITEWIRE_CA": str(endpoint.ca or ""),
    }
    return {name: value for name, value in variables.items() if value}
