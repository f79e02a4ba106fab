"""``trainer.py`` in W&B's syntax: the import is what differs from a program that W&B's client runs."""

from __future__ import annotations

import random

from sitewire.collectors import wandb

with wandb.init(config={"rate": 0.01}) as run:
    weight = 0.0
    for _ in range(1000):
        x = random.gauss(0, 1)
        error = weight * x - 3 * x
        weight -= run.config.rate * error * x
        run.log({"train/loss": error**2, "weight": weight})
