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

COUNT = 20_000 if os.environ.get("SITEWIRE_TEST_FULL") == "1" else 150
MOST_SECONDS = 2.0  # of the processor, for one

DEEP = b"[" * 100_000
HUGE = str(2**60).encode()
WORST = {
    "a position in a tag of MLflow": (DEEP, b"[" + HUGE * 3 + b",0,0,0,0,{}]"),
    "a marker of an event file": (
        b'{"v":1,"whole":true,"b":1,"keys":' + DEEP,
        b'{"v":1,"whole":true,"b":1,"keys":[["' + b"ab" * 16 + b'","scalars",[0,0,0,0,0,{}]]],'
        b'"slices":[],"steps":[],"counters":{},"ahead":[[0,5,' + HUGE + b"]]}",
        b'{"v":1,"whole":false,"b":1e999,"keys":[],"slices":[],"steps":[],"counters":{}}',
        b'{"v":1,"whole":false,"b":1,"keys":[],"slices":[],"steps":["x"],"counters":{}}',
        b'{"v":1,"whole":false,"b":1,"keys":[],"slices":[],"steps":[],"counters":{"x":["y",1]}}',
    ),
    "a file of lines": (
        b'{"writer":"' + b"ab" * 16 + b'","index":0,"hole":"lost","count":5}\n',
        b'{"writer":"' + b"ab" * 16 + b'","index":0,"hole":"expired","count":' + b"9" * 19 + b"}\n",
    ),
    "the index of a row of W&B": (
        b'{"v":1,"segment":' + DEEP,
        b'{"v":1,"segment":1e999,"keys":[]}',
        b'{"v":1,"segment":1,"keys":[["' + b"ab" * 16 + b'","scalars",[0,0,0,0,0,{}]]]} 0:0+' + b"9" * 19,
    ),
}
"""What no reader may stumble over; chance finds it too, but not each time."""

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


@pytest.mark.parametrize("name", WORST)
def test_what_means_harm_for_certain_is_refused(tmp_path: Path, name: str) -> None:
    (keeper,) = (keeper for keeper in KEEPERS if keeper.name == name)
    for data in WORST[name]:
        with pytest.raises(keeper.refuses):
            keeper.read(data, _folder(tmp_path))


def _folder(path: Path) -> Path:
    shutil.rmtree(path / "own", ignore_errors=True)
    (path / "own").mkdir()
    return path / "own"
