"""What the first stage promises: ten lines of trainer at sites with awkward names; TensorBoard holds exactly that."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.live import folder_of, read_points
from support.points import Point, float32
from support.product import Process, Site, check_sums

SITES = ("hôpital ../a", "b.*>x", "5", "_x% =41")
RUN = "job 1/ü"
COUNT = 100_000  # points of each site

TRAINER = """\
import sys
from sitewire.collectors.tensorboard import SummaryWriter

count = int(sys.argv[1])
writer = SummaryWriter()
for step in range(count):
    loss = 1 / (step + 1)
    writer.add_scalar("train/loss", loss, step, walltime=1.7e9 + step / 1000)
writer.close()
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_everything_that_four_awkward_sites_log_is_in_tensorboard_once(here: Site) -> None:
    up = here.start("up")
    _train(here)
    here.drain()
    _check(here)
    assert up.stop() == 0, up.output


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_same_with_a_broker_that_starts_after_the_trainers_ended(here: Site) -> None:
    _train(here)
    up = here.start("up")
    here.drain()
    _check(here)
    assert up.stop() == 0, up.output


def _train(here: Site) -> None:
    program = here.folder / "trainer.py"
    program.write_text(TRAINER)
    trainers: list[Process] = [
        here.program([sys.executable, str(program), str(COUNT)], site=site, run=RUN, name=f"trainer-{number}")
        for number, site in enumerate(SITES)
    ]
    for trainer in trainers:
        assert trainer.wait(300) == 0, trainer.output


def _check(here: Site) -> None:
    expected = [Point(step, float32(1 / (step + 1)), 1.7e9 + step / 1000) for step in range(COUNT)]
    for site in SITES:
        found = read_points(folder_of(here.logdir, site, RUN))
        assert found.keys() == {"train/loss"}
        assert list(found["train/loss"]) == expected, site
    _check_tree(here.logdir)
    rows = here.rows()
    assert {(row["site"], row["route"]) for row in rows} == {
        (site, route) for site in SITES for route in ("tb", "lines")
    }
    for row in rows:
        check_sums(row)
        assert (row["state"], row["logged"], row["sent"]) == ("complete", COUNT + 2, COUNT + 2), row  # start and end


def _check_tree(logdir: Path) -> None:
    """No site or run has climbed out of its folder, or shares one with another."""
    runs = [path for path in logdir.iterdir() if not path.name.startswith(".")]
    assert len(runs) == 1
    assert len(list(runs[0].iterdir())) == len(SITES)
