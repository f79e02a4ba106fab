"""What the processes of the demo tell each other through pipes.

Images and labels go one way alone: to the site that holds them, when it begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeAlias

from sitewire.deploy.demo.examples import Examples
from sitewire.deploy.demo.network import Parameters, Score


@dataclass(frozen=True, slots=True)
class Update:
    """From a site to the coordinator: its network after a round.

    Attributes:
        parameters: of the network.
        examples: how many it was trained on.
    """

    parameters: Parameters
    examples: int


@dataclass(frozen=True, slots=True)
class Ready:
    """To the terminal, which answers with examples: a process has been started. It has logged nothing yet.

    Attributes:
        name: its name.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Trained:
    """To the terminal: a site has come this far.

    Attributes:
        site: its name.
        steps: batches so far.
        of: batches in all.
    """

    site: str
    steps: int
    of: int


@dataclass(frozen=True, slots=True)
class Averaged:
    """To the terminal: a round is over.

    Attributes:
        number: of the round, from 1.
        score: of the averaged network on the coordinator's test set.
    """

    number: int
    score: Score


@dataclass(frozen=True, slots=True)
class Finished:
    """To the terminal: a process has logged everything that it will log.

    Attributes:
        site: its name.
        points: scalars logged, by tag.
    """

    site: str
    points: Mapping[str, int]


News: TypeAlias = Trained | Averaged | Finished
"""What people see of a training."""


def ask_for_examples(terminal: Connection, name: str) -> Examples:
    """Say that a process is ready, and wait for its examples.

    Raises:
        EOFError, ConnectionError: the terminal is gone.
    """
    terminal.send(Ready(name))
    examples: Examples = terminal.recv()
    return examples
