"""Networks in trouble, between trainers and broker, workers and broker, and MLflow: the row F4 of the matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from support.checker.tracker import JSONL, TENSORBOARD
from support.checker.wandb_tracker import WANDB
from support.links.connection import Side
from support.links.weather import Way
from support.matrix.account import Account
from support.matrix.network import Network
from support.matrix.processes import Happening
from support.matrix.row import FULL, Row, just, play, row_id
from support.matrix.stand import Plan

RATE: Final = 600  # points a second of all runs
LOAD: Final = Plan((), programs=2, runs=2, rate=RATE)
BESIDE: Final = Plan((), programs=2, runs=2, rate=RATE, workers=2, sidecars=1)
SLOWLY: Final = Plan((), programs=2, runs=2, rate=120)
CUT: Final = 60.0 if FULL else 6.0  # seconds

IN_STEP: Final = 5.0  # seconds until all that was logged is shown, once a link is back
CATCHING_UP: Final = 5000  # records a second, beside; a machine that plays nothing else does several times that

ALL_KINDS: Final[Callable[[Network], Sequence[Happening]]] = lambda net: [  # noqa: E731  a list that needs its links
    net.cut(0.1, 12),
    net.black_hole(1, 40),
    net.black_hole(1, 20, Way.UP),
    net.black_hole(1, 20, Way.DOWN),
    net.latency(1, 10),
    net.narrow(1, 10),
    net.sliced(1, 10),
    net.limited(1, 8),
    net.storm(10),
    net.half_open(Side.CLIENT),
    net.half_open(Side.SERVER),
]


class NetworkRow:
    """A row, and the links in it.

    Args:
        name: of the row.
        faults: makes what happens to the links.
        strikes: in full, and short.
        names: of the links, if not all.
        tracker: whether the link is the one to MLflow.
        more: of the row.
    """

    def __init__(
        self,
        name: str,
        faults: Callable[[Network], Sequence[Happening]],
        strikes: tuple[int, int],
        *names: str,
        tracker: bool = False,
        **more: Any,
    ) -> None:
        self.network = Network(*names)
        places = {"trackers": self.network.before_mlflow} if tracker else {"prepare": self.network.between}
        both = {"trackers": just(TENSORBOARD, JSONL)}
        self.row = Row(f"F4 {name}", faults(self.network), *strikes, **{"plan": LOAD, **both, **places, **more})

    def __str__(self) -> str:
        return self.row.name

    @property
    def short(self) -> int:
        return self.row.short

    def play(self, folder: Path) -> Account:
        """Play it; the links' figures are in its account."""
        account = play(self.row, folder)
        account.figures |= self.network.figures()
        return account


CUTS = [
    NetworkRow("trainers cut off", lambda net: [net.cut(CUT, CUT)], (3, 0), "trainers", settle=True),
    NetworkRow("workers cut off", lambda net: [net.cut(CUT, CUT)], (3, 0), "workers", settle=True),
    NetworkRow("trainers or workers cut off", lambda net: [net.cut(CUT, CUT)], (3, 1), settle=True),
    NetworkRow("cut off for 10 minutes", lambda net: [net.cut(600, 600)], (1, 0), settle=True),
]
ROWS = [
    NetworkRow("cuts of up to a second", lambda net: [net.cut(0, 1)], (30, 0)),
    NetworkRow(
        "black holes of a minute, or one way",
        lambda net: [net.black_hole(60, 60), net.black_hole(60, 60, Way.UP), net.black_hole(60, 60, Way.DOWN)],
        (6, 0),
        settle=True,
    ),
    NetworkRow("half a second of latency", lambda net: [net.latency(20, 20)], (6, 0), settle=True),
    NetworkRow("64 kB/s", lambda net: [net.narrow(30, 30)], (4, 0), settle=True),
    NetworkRow("storms of resets", lambda net: [net.storm(100 if FULL else 10)], (3, 1)),
    NetworkRow("half-open", lambda net: [net.half_open(Side.CLIENT), net.half_open(Side.SERVER)], (8, 0), settle=True),
    NetworkRow("connections closed in the middle", lambda net: [net.limited(1, 8)], (12, 0)),
    NetworkRow("slices", lambda net: [net.sliced(5, 10)], (4, 0)),
    NetworkRow("anything, two workers and a sidecar", ALL_KINDS, (24, 0), plan=BESIDE),
    NetworkRow("anything, into W&B", ALL_KINDS, (12, 0), plan=SLOWLY, trackers=just(WANDB)),
    NetworkRow("anything between worker and MLflow", ALL_KINDS, (12, 0), plan=SLOWLY, tracker=True),
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.mark.parametrize("row", [row for row in CUTS if FULL or row.short], ids=row_id)
def test_after_a_cut_the_trackers_are_in_step_soon(
    tmp_path: Path, row: NetworkRow, note: Callable[[Account], Account]
) -> None:
    account = note(row.play(tmp_path))
    assert account.exact, account
    if FULL:  # otherwise the machine does something else beside
        assert max(account.catch_up) < IN_STEP + max(row.network.backlogs) / CATCHING_UP, account


@pytest.mark.parametrize("row", [row for row in ROWS if FULL or row.short], ids=row_id)
def test_whatever_becomes_of_the_network_every_point_is_there_once(
    tmp_path: Path, row: NetworkRow, note: Callable[[Account], Account]
) -> None:
    account = note(row.play(tmp_path))
    assert account.exact, account
