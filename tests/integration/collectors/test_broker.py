"""A trainer that publishes by itself: what it logged is in the stream when it has ended, however short it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from sitewire.broker_config.connection import connect
from sitewire.broker_config.model import Broker, Collect, Config, Embedded
from sitewire.broker_config.names import METRICS_STREAM
from sitewire.broker_config.topology import apply, plan
from sitewire.collectors.publisher.sync import waiting
from sitewire.schemas.codec import decode_envelope
from sitewire.schemas.record import Kind, Record
from sitewire.schemas.subject import parse_stored
from support.nats import NatsServer
from support.trainer import Ended

pytestmark = pytest.mark.nats

Train = Callable[..., Ended]


@pytest.fixture
async def broker(nats_server: NatsServer, tmp_path: Path) -> NatsServer:
    """A server with our streams."""
    client = await connect(nats_server.endpoint, name="test")
    section = Broker(embedded=Embedded(store=tmp_path))
    await apply(client, plan(Config(tmp_path / "sitewire.yaml", section, Collect(spool=tmp_path), ())))
    await client.close()
    return nats_server


async def _stored(server: NatsServer) -> list[Record]:
    client = await connect(server.endpoint, name="test")
    stream = client.jetstream()
    last = (await stream.stream_info(METRICS_STREAM)).state.last_seq
    found: list[Record] = []
    for sequence in range(1, last + 1):
        message = await stream.get_msg(METRICS_STREAM, sequence)
        assert message.subject is not None
        _, subject = parse_stored(message.subject)
        found.extend(decode_envelope(message.data or b"", subject).records)
    await client.close()
    return found


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_short_program_has_everything_in_the_stream_when_it_has_ended(
    train: Train, broker: NatsServer, host: str
) -> None:
    ended = train(
        """
        from sitewire.collectors.tensorboard import SummaryWriter
        with SummaryWriter() as writer:
            for step in range(100):
                writer.add_scalar("loss", 0.5, step)
        """,
        SITEWIRE_URL=f"nats://{host}:{broker.port}",
    )
    assert ended == Ended(0, "", "")
    records = await _stored(broker)
    assert [record.step for record in records if record.kind is Kind.SCALAR] == list(range(100))
    assert sorted(str(r.kind) for r in records if r.kind is not Kind.SCALAR) == ["run_end", "run_start"]


async def test_a_flush_returns_once_the_stream_has_what_was_logged(train: Train, broker: NatsServer) -> None:
    ended = train(
        """
        import os
        from sitewire.collectors import Run
        run = Run()
        for step in range(5000):
            run.log_scalar("loss", 0.5, step)
        print(run.flush(20), flush=True)
        os._exit(0)
        """,
        SITEWIRE_URL=broker.url,
    )
    assert ended.out == "True\n"
    steps = [record.step for record in await _stored(broker) if record.kind is Kind.SCALAR]
    assert steps == list(range(5000))


async def test_forked_children_publish_what_they_log(train: Train, broker: NatsServer) -> None:
    ended = train(
        """
        import multiprocessing
        from sitewire.collectors import Run
        run = Run()
        run.log_scalar("parent", 1.0)
        def work(number):
            for step in range(100):
                run.log_scalar(f"child {number}", 1.0, step)
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=work, args=(number,)) for number in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        print([child.exitcode for child in children])
        """,
        SITEWIRE_URL=broker.url,
    )
    assert ended == Ended(0, "[0, 0, 0]\n", "")
    records = await _stored(broker)
    for number in range(3):
        assert [r.step for r in records if r.name == f"child {number}"] == list(range(100))
    assert sum(record.kind is Kind.RUN_END for record in records) == 4


def stopped(broker: NatsServer, then: str) -> str:
    """Return a trainer that stops the broker when that has its first record, and what it does then."""
    before = f"""
    import multiprocessing, os, signal, time
    from sitewire.collectors import Run
    def broker(number):
        os.kill({broker.pid}, number)
    run = Run()
    run.log_scalar("parent", 1.0)
    assert run.flush(20)
    broker(signal.SIGSTOP)
    """
    return dedent(before) + dedent(then)


CHILDREN = """
    def work():
        for step in range(100):
            run.log_scalar("child", 1.0, step)
    child = multiprocessing.get_context("fork").Process(target=work)
    began = time.monotonic()
    child.start()
    child.join()
    print(time.monotonic() - began)
"""


async def test_a_forked_child_leaves_to_its_living_parent_what_a_broker_does_not_take_within_a_second(
    train: Train, broker: NatsServer
) -> None:
    ended = train(stopped(broker, CHILDREN + "    broker(signal.SIGCONT)"), SITEWIRE_URL=broker.url)
    assert ended.code == 0, ended.err
    assert 0.9 < float(ended.out) < 3.0  # the exit timeout is 5
    records = await _stored(broker)
    assert sorted(record.name for record in records if record.kind is Kind.SCALAR) == ["child"] * 100 + ["parent"]
    assert "records wait" not in ended.err


STARTED = """
import multiprocessing, os, signal, subprocess, sys, time
from sitewire.collectors import Run

def work():
    run = Run()
    for step in range(100):
        run.log_scalar("child", 1.0, step)

def started(how):
    if how == "program":
        code = "import sys; sys.path.insert(0, sys.argv[1]); import program; program.work()"
        subprocess.run([sys.executable, "-c", code, os.path.dirname(__file__)], check=True)
    else:
        child = multiprocessing.get_context(how).Process(target=work)
        child.start()
        child.join()

if __name__ == "__main__":
    run = Run()
    run.log_scalar("parent", 1.0)
    assert run.flush(20)
    os.kill(int(sys.argv[2]), signal.SIGSTOP)
    began = time.monotonic()
    started(sys.argv[1])
    print(time.monotonic() - began)
    os.kill(int(sys.argv[2]), signal.SIGCONT)
"""


@pytest.mark.parametrize("how", ["spawn", "forkserver", "program"])
async def test_a_child_that_was_not_forked_leaves_to_its_parent_what_a_broker_does_not_take_within_a_second(
    train: Train, broker: NatsServer, tmp_path: Path, how: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text(STARTED)
    call = f"[sys.executable, {str(program)!r}, {how!r}, {str(broker.pid)!r}]"
    ended = train(f"import subprocess, sys; sys.exit(subprocess.call({call}))", SITEWIRE_URL=broker.url)
    assert ended.code == 0, ended.err
    assert 0.9 < float(ended.out) < 4.0  # the exit timeout is 5
    records = await _stored(broker)
    assert sorted(record.name for record in records if record.kind is Kind.SCALAR) == ["child"] * 100 + ["parent"]
    assert "records wait" not in ended.err


LOOKED_AT_AGAIN = """
import asyncio, atexit, os, time
from pathlib import Path
from sitewire.collectors import Run, lifecycle
from sitewire.collectors.publisher.drain import Drain

drained, drain = set(Path(os.environ["SITEWIRE_SPOOL"]).glob("*/*/*")), Drain.run
async def hang(self):
    await (asyncio.Event().wait() if self.directory.path in drained else drain(self))
Drain.run = hang

run = Run()
run.log_scalar("second", 1.0)
child = os.fork()
if child == 0:
    run.log_scalar("child", 1.0)
    raise SystemExit
os.waitpid(child, 0)
atexit.unregister(lifecycle.at_exit)
began = time.monotonic()
lifecycle.at_exit()
print(time.monotonic() - began)
"""


async def test_who_ends_does_not_wait_for_a_second_look_at_what_others_had_drained(
    train: Train, broker: NatsServer
) -> None:
    first = train("from sitewire.collectors import Run; Run().log_scalar('first', 1.0)", SITEWIRE_URL=broker.url)
    assert first.code == 0, first.err
    second = train(LOOKED_AT_AGAIN, SITEWIRE_URL=broker.url)
    assert second.code == 0, second.err
    assert float(second.out) < 3.0  # the exit timeout is 5
    names = {record.name for record in await _stored(broker) if record.kind is Kind.SCALAR}
    assert names == {"first", "second", "child"}


async def test_a_parent_says_what_its_children_left_and_it_could_not_send(train: Train, broker: NatsServer) -> None:
    ended = train(stopped(broker, CHILDREN), SITEWIRE_URL=broker.url, SITEWIRE_EXIT_TIMEOUT="1.5")
    broker.resume()
    assert ended.code == 0, ended.err
    assert ended.err.count("records wait") == 1
    # The start and the end of each, and 100 points; of the parent's end it is not known whether it is stored.
    assert " 10" in ended.err
    assert len([record for record in await _stored(broker) if record.kind is Kind.SCALAR]) <= 101


def test_a_parent_counts_all_that_a_child_left_which_went_without_a_word(
    train: Train, broker: NatsServer, spool: Path
) -> None:
    ended = train(
        stopped(
            broker,
            """
            child = os.fork()
            if child == 0:
                for step in range(100):
                    run.log_scalar("child", 1.0, step)
                os._exit(0)  # before it has said in its page how far it came
            os.waitpid(child, 0)
            """,
        ),
        SITEWIRE_URL=broker.url,
        SITEWIRE_EXIT_TIMEOUT="1.5",
    )
    broker.resume()
    left = waiting(spool).records
    assert left > 100
    assert f" {left} records wait" in ended.err


async def test_a_forked_child_waits_for_what_its_parent_would_not_send(train: Train, broker: NatsServer) -> None:
    ended = train(
        stopped(
            broker,
            """
            def work():
                Run(site="another").log_scalar("child", 1.0)
            child = multiprocessing.get_context("fork").Process(target=work)
            child.start()
            time.sleep(3)  # the child waits at its end
            broker(signal.SIGCONT)
            child.join()
            os._exit(0)  # so that nobody else sends it
            """,
        ),
        SITEWIRE_URL=broker.url,
        SITEWIRE_EXIT_TIMEOUT="20",
    )
    assert ended.code == 0, ended.err
    assert {r.name for r in await _stored(broker) if r.kind is Kind.SCALAR} == {"child", "parent"}


BEFORE_IT_RUNS = """
import os, time
parent = os.getpid()
def orphaned():
    while os.getppid() == parent:
        time.sleep(0.01)
os.register_at_fork(after_in_child=orphaned)
"""


@pytest.mark.parametrize("hook", ["", BEFORE_IT_RUNS], ids=["later", "before it runs"])
async def test_a_child_whose_parent_is_gone_waits_itself(train: Train, broker: NatsServer, hook: str) -> None:
    ended = train(
        hook
        + stopped(
            broker,
            """
            parent = os.getpid()
            if os.fork():
                os._exit(0)
            while os.getppid() == parent:
                time.sleep(0.01)
            if not os.fork():  # once it has begun to end
                time.sleep(2)
                broker(signal.SIGCONT)
                os._exit(0)
            run.log_scalar("child", 1.0)
            """,
        ),
        SITEWIRE_URL=broker.url,
        SITEWIRE_EXIT_TIMEOUT="20",
    )
    assert ended.code == 0, ended.err
    # What the parent had sent may be there again: it could not note that it was.
    assert {r.name for r in await _stored(broker) if r.kind is Kind.SCALAR} == {"child", "parent"}
