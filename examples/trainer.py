"""Ten lines that train and log. ``SITEWIRE_URL``, ``SITEWIRE_SITE`` and ``SITEWIRE_RUN`` say where it goes."""

from __future__ import annotations

import random

from sitewire.collectors.tensorboard import SummaryWriter

writer = SummaryWriter()
weight = 0.0
for step in range(1000):
    x = random.gauss(0, 1)
    error = weight * x - 3 * x
    weight -= 0.01 * error * x
    writer.add_scalar("train/loss", error**2, step)
    writer.add_scalar("weight", weight, step)
writer.close()
