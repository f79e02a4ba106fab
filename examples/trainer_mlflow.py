"""``trainer.py`` in MLflow's syntax: the import is what differs from a program that MLflow itself is told."""

from __future__ import annotations

import random

from sitewire.collectors import mlflow

with mlflow.start_run():
    mlflow.log_param("rate", 0.01)
    weight = 0.0
    for step in range(1000):
        x = random.gauss(0, 1)
        error = weight * x - 3 * x
        weight -= 0.01 * error * x
        mlflow.log_metrics({"train/loss": error**2, "weight": weight}, step=step)
