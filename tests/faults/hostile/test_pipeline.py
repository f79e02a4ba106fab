"""A site that means harm, with credentials of its own, and other sites' runs beside: these do not notice."""

from __future__ import annotations

import asyncio
import json
import operator
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sitewire.broker_config.streams import DEAD_MAX_BYTES
from sitewire.collectors.spool.directory import discover
from sitewire.schemas.subject import RunKey
from support.behind import behind
from support.hostile import floods
from support.hostile.aftermath import Stored, dead_bytes, letters, stored, trespasses, undelivered
from support.hostile.forgeries import FORGERIES, Message, Victim
from support.hostile.publisher import Harm, harmful, shouts, spoiled
from support.hostile.seed import seed
from support.hostile.sites import ROUTES, GuardedSite, guarded
from support.lines import counting_lines, read_lines
from support.live import Found, folder_of
from support.notes import NOTE
from support.points import Point
from support.product import Process, Trainer, check_sums, until

FULL = os.environ.get("SITEWIRE_TEST_FULL") == "1"
SPOILED = 100_000 if FULL else 400
SHOUTED = 2_000 if FULL else 100
FORGED = 20 if FULL else 1  # times each forgery
FLOOD = 3_000 if FULL else 100
JUNK = 20_000 if FULL else 300
EVIL = "evil"
GOOD = ("good-a", "good-b")
RATE = 200  # points a second of each good site
MOST_MIB = 500  # resident, of the worker: three routes of eight partitions, whatever is sent
MOST_BEHIND = 10.0  # seconds, of the good sites' runs
MOST_DEAD = DEAD_MAX_BYTES
ABOVE_HALF = 32 << 20  # bytes that are on their way when somebody finds half of it used
PATIENCE = 900 if FULL else 90  # seconds

pytestmark = [pytest.mark.slow, pytest.mark.nats, pytest.mark.timeout(3600 if FULL else 300)]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[GuardedSite]:
    with guarded(tmp_path / "here", [EVIL, *GOOD]) as site:
        yield site


def test_a_site_that_means_harm_stops_no_worker_and_reaches_no_other_sites_run(
    here: GuardedSite, record_property: Callable[[str, object], None]
) -> None:
    worker = here.start("worker")
    trainers = [_good(here, name, number) for number, name in enumerate(GOOD, 1)]
    counts = [counting_lines(folder_of(here.folder / "lines", trainer.site, "job")) for trainer in trainers]
    until(lambda: all(count() for count in counts), here.logs)
    victim = _victim(here)
    around = {"runs", *(path.name for path in here.folder.iterdir())}
    before, began = _peak_mib(worker), time.monotonic()
    with behind(trainers, lambda: [count() for count in counts]) as watched:
        harm = asyncio.run(_harm(here, Random(seed()), victim))
    seconds = time.monotonic() - began
    for trainer in trainers:
        trainer.finish()
    until(lambda: all(map(operator.ge, (c() for c in counts), (t.journal.accepted for t in trainers))), here.logs)
    there, kept, dead = asyncio.run(_aftermath(here))
    rows = {(row["route"], row["site"], row["run"]): row for row in here.rows()}
    record_property(
        NOTE,
        f"hostile site, seed {seed()}: {harm.stored} messages stored in {seconds:.0f} s, {harm.refused} refused by the "
        f"broker; {len(there.unreadable)} unreadable, of which the {len(ROUTES)} routes keep "
        f"{' and '.join(str(len(kept[route])) for route in ROUTES)} as dead letters ({dead / 2**20:.1f} MiB); "
        f"{there.unrouted} under wildcards, which no route reads; "
        f"{len(rows)} receipts; the good sites at most {watched.most:.2f} s behind; "
        f"the worker's peak {before} MiB before, {_peak_mib(worker)} MiB after",
    )
    _the_good_are_exact(here, trainers, rows)
    for row in rows.values():
        check_sums(row)
    assert harm.stored > SPOILED // 2  # or nobody was in danger
    assert there.sites == {EVIL, *GOOD}
    runs = {name: {"job"} for name in GOOD}
    assert {run for _, site, run in rows if site in GOOD} == {"job"}
    assert not [path for place in ("runs", "lines") for path in trespasses(here.folder / place, EVIL, runs)]
    assert {path.name for path in here.folder.iterdir()} <= around, "something lies beside the trackers' places"
    for route in ROUTES:
        assert kept[route] <= there.unreadable
        # They share half of the stream of dead letters; what found no room there has its bytes in that of the metrics.
        assert kept[route] == there.unreadable or dead >= MOST_DEAD // 2
    assert dead <= MOST_DEAD // 2 + ABOVE_HALF
    assert watched.most < MOST_BEHIND
    assert _peak_mib(worker) < MOST_MIB
    _commands_still_work(here)
    assert "Traceback" not in worker.output, worker.output[worker.output.index("Traceback") - 500 :][:4000]
    assert not [line for line in worker.output.splitlines() if not line.isprintable()]
    assert worker.running
    assert worker.stop() == 0, worker.output[-3000:]


def _good(here: GuardedSite, name: str, number: int) -> Trainer:
    return here.train(10**9, site=name, run="job", seed=number, rate=RATE, SITEWIRE_URL=here.url_of(name))


async def _harm(here: GuardedSite, chance: Random, victim: Victim) -> Harm:
    client = await harmful(here.url_of(EVIL))
    harm = Harm(client)
    for messages in _everything(chance, victim):
        await harm.publish(messages)
    await harm.shout(shouts(chance, EVIL, GOOD[0], SHOUTED))
    await client.close()
    return harm


def _everything(chance: Random, victim: Victim) -> Iterator[Iterator[Message]]:
    """Yield what is sent, each part in an order of its own."""
    yield spoiled(chance, EVIL, SPOILED)
    for forge in FORGERIES * FORGED:
        yield forge(chance, EVIL, victim)
    yield floods.runs(chance, EVIL, FLOOD)
    yield floods.writers(chance, EVIL, FLOOD)
    yield floods.accounts(chance, EVIL, FLOOD)
    yield floods.unreadable(chance, EVIL, JUNK)


def _victim(here: GuardedSite) -> Victim:
    folders = [folder.path for folder in discover(here.spool) if folder.path.parts[-3] == GOOD[0]]
    return Victim(RunKey(GOOD[0], "job"), tuple(folder.name for folder in folders))


async def _aftermath(here: GuardedSite) -> tuple[Stored, dict[str, set[int]], int]:
    """Wait until no route has anything to deliver; return what was stored, the letters and their bytes."""
    client = await harmful(here.url_of("worker"))
    try:
        async with asyncio.timeout(PATIENCE):
            while await undelivered(client):
                await asyncio.sleep(0.5)
        return await stored(client), await letters(client), await dead_bytes(client)
    finally:
        await client.close()


def _the_good_are_exact(here: GuardedSite, trainers: list[Trainer], rows: dict[tuple[str, str, str], Any]) -> None:
    for trainer in trainers:
        for place, found in (("runs", trainer.judge(here.logdir)), ("lines", trainer.compare(_lines(here, trainer)))):
            assert found.exact, f"{place}: {trainer.label}: {found}"
            assert found.delivered == trainer.journal.accepted
        for route in ROUTES:
            row = rows[route, trainer.site, "job"]
            assert row["state"] in ("running", "complete"), row
            assert row["delivered"] == row["sent"] == row["logged"], row


def _lines(here: GuardedSite, trainer: Trainer) -> Found:
    found: defaultdict[str, list[Point]] = defaultdict(list)
    for name, point in read_lines(folder_of(here.folder / "lines", trainer.site, trainer.run)):
        found[name].append(point)
    return found


def _commands_still_work(here: GuardedSite) -> None:
    for arguments in (["runs"], ["status"], ["dlq", "list"]):
        shown, as_json = here.run(*arguments), here.run(*arguments, "--json")
        assert shown.returncode == as_json.returncode == 0, f"{arguments}: {shown.stderr} {as_json.stderr}"
        assert not [line for line in shown.stdout.splitlines() if not line.isprintable()]
        assert json.loads(as_json.stdout)


def _peak_mib(process: Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10
