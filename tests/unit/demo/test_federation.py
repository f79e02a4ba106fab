from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path

import pytest

from sitewire.deploy.demo.errors import SiteEnded
from sitewire.deploy.demo.federation import Federation
from sitewire.deploy.demo.messages import Averaged, Finished, News, Trained
from sitewire.deploy.demo.plan import Plan

SMALL = Plan(sites=2, rounds=2, epochs=1)


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    assert not active_children()


def federation(plan: Plan, spool: Path) -> Federation:
    # No URL: what is logged waits in the spool, and no broker is needed.
    return Federation(plan, {"SITEWIRE_RUN": "test", "SITEWIRE_SPOOL": str(spool)})


def train(plan: Plan, spool: Path) -> list[News]:
    heard: list[News] = []
    training = federation(plan, spool)
    training.start()
    training.follow(heard.append)
    return heard


def averages(heard: list[News]) -> list[Averaged]:
    return [news for news in heard if isinstance(news, Averaged)]


def test_the_same_seed_gives_the_same_accuracy_and_another_seed_another(tmp_path: Path) -> None:
    first, second = (averages(train(SMALL, tmp_path / name)) for name in "ab")
    assert [news.number for news in first] == [1, 2]
    assert first == second
    assert averages(train(Plan(sites=2, rounds=2, epochs=1, seed=1), tmp_path / "c")) != first


def test_every_process_says_what_it_logged_and_how_far_it_is(tmp_path: Path) -> None:
    heard = train(SMALL, tmp_path)
    finished = {news.site: news.points for news in heard if isinstance(news, Finished)}
    assert finished.keys() == {"site-1", "site-2", "server"}
    assert finished["server"] == {"global/loss": 3, "global/accuracy": 3}
    steps = [news for news in heard if isinstance(news, Trained) and news.site == "site-1"]
    assert steps[-1].steps == steps[-1].of == finished["site-1"]["train/loss"]
    assert finished["site-1"]["val/accuracy"] == 2


def test_variables_of_the_user_reach_no_site_and_are_there_again_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITEWIRE_DISABLED", "1")
    before = dict(os.environ)
    heard = train(SMALL, tmp_path)
    assert len(averages(heard)) == 2
    assert {path.name for path in tmp_path.iterdir()}, "the sites logged although sitewire is disabled for the user"
    assert dict(os.environ) == before


def test_a_site_that_is_killed_ends_the_training_with_its_name(tmp_path: Path) -> None:
    training = federation(Plan(sites=2, rounds=1000, epochs=5), tmp_path)
    training.start()
    victim = next(process for process in active_children() if process.name == "site-2")

    def kill(news: News) -> None:
        if isinstance(news, Averaged) and news.number == 1:
            os.kill(victim.pid or 0, signal.SIGKILL)

    with pytest.raises(SiteEnded, match=r"site-2 ended too early \(exit code -9\)"):
        training.follow(kill)


def test_stop_ends_every_process_in_order(tmp_path: Path) -> None:
    training = federation(Plan(sites=2, rounds=100_000, epochs=5), tmp_path)
    training.start()
    processes = active_children()
    begun = threading.Event()

    def stop() -> None:
        begun.wait(60)
        training.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(SiteEnded, match="stopped"):
        training.follow(lambda news: begun.set() if isinstance(news, Averaged) else None)
    stopper.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]


def test_stop_while_the_processes_still_start_waits_for_none_of_them(tmp_path: Path) -> None:
    training = federation(Plan(sites=8, rounds=2), tmp_path)
    training.start()
    processes = active_children()
    training.stop()
    heard: list[News] = []
    with pytest.raises(SiteEnded, match="stopped"):
        training.follow(heard.append)
    assert heard == []
    assert {process.exitcode for process in processes} == {-signal.SIGKILL}


def test_nothing_is_told_any_more_once_it_was_stopped(tmp_path: Path) -> None:
    training = federation(Plan(sites=2, rounds=1000, epochs=1), tmp_path)
    training.start()
    heard: list[News] = []

    def stop(news: News) -> None:
        heard.append(news)
        if isinstance(news, Averaged):
            training.stop()
            time.sleep(0.5)  # more news comes meanwhile

    with pytest.raises(SiteEnded, match="stopped"):
        training.follow(stop)
    assert len(averages(heard)) == 1
