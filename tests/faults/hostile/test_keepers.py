"""What is kept in buckets, trackers and spools, spoiled by who knows its form: refused by name, or sound."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from support.hostile.keepers import KEEPERS, Keeper
from support.hostile.seed import seed
from support.hostile.texts import spoiled
from support.notes import NOTE

COUNT = 20_000 if os.environ.get("SITEWIRE_TEST_FULL") == "1" else 300
MOST_SECONDS = 2.0  # of the processor, for one

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("keeper", KEEPERS, ids=[keeper.name for keeper in KEEPERS])
def test_what_is_kept_and_spoiled_is_refused_by_name_or_read(
    tmp_path: Path, record_property: Callable[[str, object], None], keeper: Keeper
) -> None:
    chance = Random(f"{seed()} {keeper.name}")
    keeper.read(keeper.sample, _folder(tmp_path))
    refused, slowest = 0, 0.0
    for number in range(COUNT):
        data, began = spoiled(chance, keeper.sample), time.thread_time()
        try:
            keeper.read(data, _folder(tmp_path))
        except keeper.refuses:
            refused += 1
        except Exception as error:
            error.add_note(f"seed {seed()}, {keeper.name} {number}: {data[:2000]!r}")
            raise
        slowest = max(slowest, time.thread_time() - began)
    assert slowest < MOST_SECONDS
    record_property(
        NOTE,
        f"hostile: {keeper.name}, seed {seed()}: {COUNT} tried, {refused} refused, slowest {slowest * 1000:.1f} ms",
    )


def _folder(path: Path) -> Path:
    shutil.rmtree(path / "own", ignore_errors=True)
    (path / "own").mkdir()
    return path / "own"
