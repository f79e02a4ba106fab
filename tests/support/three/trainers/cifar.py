"""The load of NVIDIA FLARE's CIFAR-10 example: eight sites, and names with two step axes in one run.

Each round a site logs 18 records, by turns over the round and over the epochs: that is what makes a tracker with one
rising step for all names drop some.

``python -m support.three.trainers.cifar ROUNDS``
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Final

from sitewire.collectors import Run
from sitewire.collectors.tensorboard import SummaryWriter
from support.three.book import Book

SITES: Final = [f"site-{number}" for number in range(1, 9)]
EPOCHS: Final = 4  # of a round
RECORDS: Final = 18  # of a round


class Client:
    """One site."""

    def __init__(self, stack: ExitStack, site: str) -> None:
        self._book = Book.open(site)
        run = stack.enter_context(Run(site=site, experiment="cifar10"))
        self._book.begin(experiment="cifar10")
        stack.callback(self._book.end, "finished")
        self._writer = SummaryWriter(run=run)

    def train(self, round_: int) -> None:
        """Log one round."""
        self._log("val_acc_global_model", round_ / 50, round_)
        for epoch in range(EPOCHS):
            step = round_ * EPOCHS + epoch
            self._log("global_round", round_, step)
            self._log("global_epoch", step, step)
            self._log("train_loss", 1 / (step + 1), step)
            self._log("learning_rate", 0.1 * 0.99**step, step)
        self._log("diff_norm", 2 / (round_ + 1), round_)

    def _log(self, name: str, value: float, step: int) -> None:
        self._writer.add_scalar(name, value, step)
        self._book.note("scalar", {name: value}, step=step)


def train() -> None:
    """Train all sites by turns."""
    with ExitStack() as stack:
        clients = [Client(stack, site) for site in SITES]
        for round_ in range(int(sys.argv[1])):
            for client in clients:
                client.train(round_)


if __name__ == "__main__":
    train()
