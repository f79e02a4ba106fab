"""One demo, from the first process to the last receipt, while the stack runs around it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
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

    async def run(self, asked: asyncio.Event) -> bool:
        """Train and deliver. Return whether that came to its end before ``asked`` was set.

        Raises:
            SiteEnded: a process ended before its work was done.
            BrokerError: the broker cannot be reached.
        """
        client = await connect(self._place.config.broker.endpoint, name="sitewire demo")
        try:
            await self._train(client, asked)
            return await self._settle(client, asked)
        finally:
            await client.close()

    async def _train(self, client: Client, asked: asyncio.Event) -> None:
        if asked.is_set():
            return
        self._federation.start()
        following = asyncio.create_task(
            asyncio.to_thread(self._federation.follow, self._tell), name="follow the training"
        )
        try:
            # Flags end this loop, no cancellation: on Python 3.11 `asyncio.wait_for`, which nats-py is made of, can
            # swallow one (it is written anew in 3.12).
            while not (following.done() or asked.is_set()):
                await self._look(client)
                await asyncio.wait({following}, timeout=LOOK_INTERVAL)
        finally:
            await self._end(following)
        if not asked.is_set():
            following.result()

    async def _end(self, following: asyncio.Task[None]) -> None:
        if not following.done():
            self._federation.stop()
            await asyncio.wait({following})
        following.exception()  # seen: that it was stopped is no news

    def _tell(self, news: News) -> None:
        if isinstance(news, Averaged):
            self.score = news.score
        elif isinstance(news, Finished):
            self.points[RunKey(news.site, self._place.run)] = news.points
        self._display.tell(news)

    async def _settle(self, client: Client, asked: asyncio.Event) -> bool:
        """Look until nothing is missing; what still is after a while stays in ``problems``."""
        deadline = time.monotonic() + PATIENCE
        while not asked.is_set():
            await self._look(client)
            if not self.problems or time.monotonic() > deadline:
                return True
            await asyncio.sleep(LOOK_INTERVAL)
        return False

    async def _look(self, client: Client) -> None:
        rows = await read_rows(client, self._place.config)
        self.rows = [row for row in rows if row.run == self._place.run]
        self.problems = shortfalls(self.rows, expected_rows(self._place.config, self._origins))
        routes = sorted({row.route for row in self.rows})
        self._display.deliver({route: _sums(row for row in self.rows if row.route == route) for route in routes})


def _sums(rows: Iterable[RunRow]) -> tuple[int, int]:
    counts = [(row.delivered, row.logged) for row in rows]
    return sum(delivered for delivered, _ in counts), sum(logged for _, logged in counts)


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
