"""A broker that has lost what it had acknowledged: the spool fills it again, and the tracker holds each point once.

For ``sitewire up``, and a trainer that has ended; the rest is in rows: ``tests/faults/matrix/test_stores.py``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from support.live import LiveReader, folder_of, watching
from support.product import Site, Trainer, check_sums, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ENOUGH = 10**9  # points: until told to stop
RATE = 2000


@pytest.fixture
def trainer(here: Site) -> Iterator[Trainer]:
    trainer = here.train(ENOUGH, rate=RATE)
    yield trainer
    trainer.process.kill()


@pytest.fixture
def reader(here: Site, trainer: Trainer) -> Iterator[LiveReader]:
    with watching(folder_of(here.logdir, trainer.site, trainer.run)) as reader:
        yield reader
    assert not reader.complaints


def test_a_wiped_store_is_filled_again(here: Site, trainer: Trainer, reader: LiveReader) -> None:
    broker = here.start("up")
    _wait_for(here, reader, 2000)
    broker.stop()
    shutil.rmtree(here.folder / "store")
    broker = here.start("up")
    _wait_for(here, reader, 2000)
    _check(here, trainer)


def test_a_store_restored_from_an_older_copy_is_filled_again(here: Site, trainer: Trainer, reader: LiveReader) -> None:
    store, copy = here.folder / "store", here.folder / "copy"
    broker = here.start("up")
    _wait_for(here, reader, 2000)
    broker.stop()
    shutil.copytree(store, copy)
    broker = here.start("up")
    _wait_for(here, reader, 4000)
    broker.stop()
    shutil.rmtree(store)
    copy.rename(store)
    broker = here.start("up")
    _wait_for(here, reader, 2000)
    _check(here, trainer)


def test_a_wiped_store_is_filled_again_by_what_drains_a_trainer_that_has_ended(here: Site) -> None:
    up = here.start("up")
    trainer = here.train(5000)
    assert trainer.process.wait() == 0
    here.drain()
    up.stop()
    shutil.rmtree(here.folder / "store")
    here.start("up")
    until(lambda: here.run("drain", "--timeout", "1").returncode == 0 and len(here.rows()) == 2, here.logs)
    _check(here, trainer)


def _wait_for(here: Site, reader: LiveReader, more: int) -> None:
    wanted = _visible(reader) + more
    until(lambda: _visible(reader) >= wanted, lambda: f"{_visible(reader)} of {wanted} points\n{here.logs()}")


def _visible(reader: LiveReader) -> int:
    return sum(map(len, reader.last.values()))


def _check(here: Site, trainer: Trainer) -> None:
    if trainer.process.running:
        trainer.finish()
    here.drain()
    verdict = trainer.judge(here.logdir)
    assert verdict.exact, verdict
    for row in here.rows():
        check_sums(row)
        assert (row["state"], row["gaps"], row["pending"]) == ("complete", 0, 0), row
        assert row["logged"] == row["sent"] == row["delivered"] == verdict.delivered + 2, row
