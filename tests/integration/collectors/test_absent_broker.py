"""A broker that is gone, silent or refuses: training does not notice, and the program ends in time."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.trainer import Ended, scalars, writers

Train = Callable[..., Ended]

EXIT_TIMEOUT = 1.0
SLACK = 2.0
"""Seconds that the end may take beyond the timeout on a busy machine."""

TRAIN = """
import time
from sitewire.collectors import Run
run = Run()
run.log_scalar("loss", 1.0, 0)
slowest = 0.0
for step in range(1, 20000):
    begun = time.perf_counter()
    run.log_scalar("loss", 1.0, step)
    slowest = max(slowest, time.perf_counter() - begun)
print(slowest, time.time())
"""


@pytest.fixture(
    params=["nobody listens", "accepts and says nothing", "listens and never accepts", "accepts and closes"]
)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A broker's address with something else behind it."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        stop = threading.Event()
        thread = None
        if request.param != "nobody listens":
            server.listen(1 if "never" in request.param else 128)
        if request.param.startswith("accepts"):
            thread = threading.Thread(target=_accept, args=(server, stop, "closes" in request.param))
            thread.start()
        yield f"nats://me:secret@127.0.0.1:{server.getsockname()[1]}"
        stop.set()
        if thread is not None:
            thread.join()


def _accept(server: socket.socket, stop: threading.Event, close: bool) -> None:
    server.settimeout(0.05)
    held = []
    while not stop.is_set():
        try:
            connection, _ = server.accept()
        except TimeoutError:
            continue
        if close:
            connection.close()
        else:
            held.append(connection)
    for connection in held:
        connection.close()


def test_training_does_not_notice_and_the_program_ends_in_time(train: Train, spool: Path, url: str) -> None:
    ended = train(TRAIN, SITEWIRE_URL=url, SITEWIRE_EXIT_TIMEOUT=str(EXIT_TIMEOUT))
    over = time.time()
    assert ended.code == 0
    slowest, last_call = map(float, ended.out.split())
    assert slowest < 0.5
    assert over - last_call < EXIT_TIMEOUT + SLACK
    assert "Traceback" not in ended.err
    assert "secret" not in ended.err
    assert f"20002 records wait in {spool}" in ended.err
    assert f"sitewire sync {spool}" in ended.err
    assert len(scalars(spool)) == 20000
    assert writers(spool)[0].status == "finished"


def test_no_exit_timeout_is_no_waiting(train: Train, url: str) -> None:
    ended = train(TRAIN, SITEWIRE_URL=url, SITEWIRE_EXIT_TIMEOUT="0")
    assert time.time() - float(ended.out.split()[1]) < SLACK


def test_a_seeded_trainer_draws_what_it_would_draw_without_us(train: Train, url: str) -> None:
    program = """
    import random
    from sitewire.collectors import Run
    random.seed(7)
    before = random.getstate()
    run = Run(exit_timeout=0)
    run.log_scalar("loss", 1.0)
    run.flush(1.5)
    print(random.getstate() == before)
    """
    assert train(program, SITEWIRE_URL=url).out.strip() == "True"


def test_a_flush_waits_no_longer_than_it_may(train: Train, url: str) -> None:
    program = """
    import time
    from sitewire.collectors import Run
    run = Run(exit_timeout=0)
    run.log_scalar("loss", 1.0)
    begun = time.monotonic()
    print(run.flush(0.3), time.monotonic() - begun)
    """
    ended = train(program, SITEWIRE_URL=url)
    flushed, took = ended.out.split()
    assert flushed == "False"
    assert 0.2 < float(took) < 0.3 + SLACK


def test_a_fork_leaves_the_parents_publisher_alone_and_gets_its_own(train: Train, spool: Path, url: str) -> None:
    program = """
    import os, threading
    from sitewire.collectors import Run
    from sitewire.collectors.publisher import thread
    run = Run()
    run.log_scalar("parent", 1.0)
    child = os.fork()
    if child == 0:
        assert threading.active_count() == 1
        assert len(thread._forked_away) == 1
        run.log_scalar("child", 1.0)
    else:
        assert os.waitpid(child, 0)[1] == 0
        run.log_scalar("parent", 1.0)
    """
    ended = train(program, SITEWIRE_URL=url, SITEWIRE_EXIT_TIMEOUT="0.2")
    assert ended.code == 0, ended.err
    assert sorted(len(written.scalars) for written in writers(spool)) == [1, 2]
    # The parent's four, and what the child has left to it.
    assert re.findall(r"\d+ records wait", ended.err) == ["7 records wait"]
