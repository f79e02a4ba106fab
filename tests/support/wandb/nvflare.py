"""What one site of NVFLARE's CIFAR-10 job logs: two names by round, four by epoch, 900 records in all.

Its own receiver for W&B keeps 801 of them: the client drops what comes under a step lower than the last one.
"""

from __future__ import annotations

from typing import Final

from sitewire.schemas.record import Kind, Record
from sitewire.workers.sinks.testing.samples import BEGIN

ROUNDS: Final = 50
EPOCHS: Final = 4  # a round
BY_ROUND: Final = ("val_acc_global_model", "diff_norm")
BY_EPOCH: Final = ("train_loss", "train_acc", "val_acc_local_model", "learning_rate")


def _round(number: int) -> list[Record]:
    """Return the records of a round: of the model that it begins with, of its epochs, and of the difference."""
    time, value = BEGIN + 100 * number, number / 4
    epochs = [
        Record(Kind.SCALAR, name, value + epoch, time + 1 + epoch + place / 100, EPOCHS * number + epoch)
        for epoch in range(EPOCHS)
        for place, name in enumerate(BY_EPOCH)
    ]
    first, last = (Record(Kind.SCALAR, name, value, time + 50 * place, number) for place, name in enumerate(BY_ROUND))
    return [first, *epochs, last]


RECORDS: Final = tuple(record for number in range(ROUNDS) for record in _round(number))
