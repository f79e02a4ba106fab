"""Endings with a torch DataLoader whose workers log. There are none where torch is not installed."""

from __future__ import annotations

import os
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from support.ends.ending import Ending
from support.ends.script import LAST, Script

ITEMS: Final = 40
WORKERS: Final = 2


class Items:
    """A data set whose items log: each worker into its own lane, from 1 on."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def __len__(self) -> int:
        return ITEMS

    def __getitem__(self, index: int) -> int:
        self._script.log(1 + _torch_data().get_worker_info().id, 1)
        return index


def _torch_data() -> Any:
    return import_module("torch.utils.data")  # no dependency of the tests, and slow to import


def _loader(script: Script, method: str, *, persistent: bool) -> Any:
    return _torch_data().DataLoader(
        Items(script),
        batch_size=4,
        num_workers=WORKERS,
        multiprocessing_context=method,
        persistent_workers=persistent,
    )


def loaded(method: str, persistent: bool, script: Script) -> None:
    script.begin()
    loader = _loader(script, method, persistent=persistent)
    for _ in range(2):
        for _ in loader:
            script.log(0, 1)
    script.ends()


def abandoned(method: str, script: Script) -> None:
    """Ends in the middle of an epoch: the loader shuts its workers down when it is collected, or never."""
    script.begin()
    batches = iter(_loader(script, method, persistent=True))
    next(batches)
    script.log(0, LAST)
    script.ends(1, 2)


def left_at_once(method: str, script: Script) -> None:
    script.begin()
    batches = iter(_loader(script, method, persistent=True))
    for _ in range(WORKERS):  # torch's workers go on for ever when their parent is gone before each of them has begun
        next(batches)
    script.ends(1, 2)
    os._exit(5)


def _endings() -> tuple[Ending, ...]:
    if find_spec("torch") is None:
        return ()
    return (
        Ending("DataLoader, fork", partial(loaded, "fork", False)),
        Ending("DataLoader, fork, persistent workers", partial(loaded, "fork", True)),
        Ending("DataLoader, spawn", partial(loaded, "spawn", False)),
        Ending("DataLoader, spawn, persistent workers", partial(loaded, "spawn", True)),
        Ending("DataLoader, fork, left in mid-epoch", partial(abandoned, "fork")),
        Ending("DataLoader, fork, os._exit in mid-epoch", partial(left_at_once, "fork"), "crashed", "failed"),
    )


TORCH: Final = _endings()
