"""The broker's states while a trainer ends: for one trial each, on one server."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from support.beside import beside
from support.ends.trial import Trial
from support.links.link import Link, link_to
from support.nats import NatsServer, free_port

STOPPED: Final = (0.1, 1.0)  # seconds of a slice in which the server is stopped
RUNNING: Final = (0.05, 0.4)  # and of one in which it is not


class State(StrEnum):
    """What the broker is like when the trainer ends."""

    UP = "up"
    SLOW = "slow"
    """Stopped and continued again and again, or it takes connections and no longer answers."""
    GONE = "gone"
    """It was there: its connections are closed or reset, and no new ones are taken."""
    NEVER = "never there"


@dataclass(frozen=True)
class Broker:
    """The broker, as one trial meets it.

    Attributes:
        url: where it is said to be.
        link: between the trainer and the server; none where there is no need of one.
        state: what it becomes.
        variant: the trial's.
    """

    url: str
    link: Link | None
    state: State
    variant: float

    def change(self) -> None:
        """Become what it is to be."""
        if self.link is not None and self.state is State.SLOW:
            self.link.hold()
        elif self.link is not None:
            if self.variant < 0.5:
                self.link.reset()
            self.link.cut()


@contextmanager
def broker_for(server: NatsServer, state: State, trial: Trial) -> Iterator[Broker]:
    """Give a trial its broker."""
    with ExitStack() as stack:
        link: Link | None = None
        if state is State.GONE or (state is State.SLOW and trial.variant < 0.5):
            link = stack.enter_context(link_to(server.port))
        url = f"nats://127.0.0.1:{free_port()}" if state is State.NEVER else link.url if link else server.url
        yield Broker(url, link, state, trial.variant)


@contextmanager
def sliced(server: NatsServer, seed: int) -> Iterator[None]:
    """Stop the server and let it go on, again and again, as long as the block runs."""
    over, rng = threading.Event(), random.Random(seed)

    def slice_by_slice() -> None:
        while not over.wait(rng.uniform(*RUNNING)):
            server.pause()
            over.wait(rng.uniform(*STOPPED))
            server.resume()

    with beside(slice_by_slice, over.set, "slices of the server"):
        yield
