"""A million messages that somebody has spoiled, and those that are made to cost: refused by name, soon and cheaply."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.hostile.seed import seed
from support.notes import NOTE

FULL = os.environ.get("SITEWIRE_TEST_FULL") == "1"
ENVELOPES = 1_000_000 if FULL else 20_000
OTHERS = 250_000 if FULL else 10_000
MOST_SECONDS = 0.5  # of the processor, for one message; about 0.03 where nothing else runs
MOST_MIB = 48  # more than before; nested headers of 4,096 items take 33 (measured)
TESTS = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900 if FULL else 120)]


@pytest.mark.parametrize(
    ("count", "sorts"),
    [(ENVELOPES, ("envelope",)), (OTHERS, ("account", "receipt", "letter", "retry"))],
    ids=["envelopes", "the others"],
)
def test_a_spoiled_message_is_refused_by_name_or_means_what_it_says(
    tmp_path: Path, record_property: Callable[[str, object], None], count: int, sorts: tuple[str, ...]
) -> None:
    tally = play(tmp_path, count, seed(), sorts)
    refused = ", ".join(f"{name} {of}" for name, of in sorted(tally["refused"].items()))
    record_property(
        NOTE,
        f"hostile {' '.join(sorts)}, seed {seed()}: {tally['tried']} tried ({tally['bombs']} bombs), "
        f"refused: {refused}, decoded and written again {sum(tally['decoded'].values())}; "
        f"slowest {tally['slowest'] * 1000:.1f} ms "
        f"({tally['culprit']}); most memory {tally['before']:.0f} MiB before, {tally['peak']:.0f} MiB after",
    )
    assert not tally["wrong"], f"seed {seed()}: " + "\n".join(tally["wrong"])
    assert tally["tried"] >= count
    assert set(tally["decoded"]) == set(sorts), "some of each sort are sound after all"
    assert tally["slowest"] < MOST_SECONDS, tally["culprit"]
    assert tally["peak"] - tally["before"] < MOST_MIB


def play(folder: Path, count: int, number: int, sorts: tuple[str, ...]) -> dict[str, Any]:
    """Play a campaign in a process of its own, so that its memory is nobody else's."""
    done = subprocess.run(
        [sys.executable, "-m", "support.hostile.campaign", str(count), str(number), *sorts],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"seed {number}: {done.stderr[-3000:]}"
    tally: dict[str, Any] = json.loads(done.stdout)
    return tally
