"""Many trials beside each other on one server; then all that waits is sent, and each is judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from support.ends.broker import State, broker_for, sliced
from support.ends.judging import of_the_end, of_what_arrived, spread
from support.ends.playing import alone, play
from support.ends.trial import Outcome, Trial, draw
from support.live import folder_of
from support.nats import NatsServer
from support.product import Site, site_in, until

SITE: Final = "clinic"
BESIDE: Final = 4  # trials at a time: mostly they wait
PATIENCE: Final = 600.0  # seconds until a busy machine has sent and delivered what waits
CONFIG: Final = """\
broker: {{{{url: "{url}"}}}}
collect: {{{{spool: spool}}}}
routes:
  lines: {{{{subjects: ["metrics.*.*.>"], sink: {{{{type: jsonl, dir: lines}}}}}}}}
"""


@dataclass
class Campaign:
    """What came of many trials.

    Attributes:
        state: of the broker while they ended.
        seed: of what was drawn.
        trials, outcomes: in the order of their numbers.
        baselines: of each ending, the same program without logging.
        complaints: what is wrong.
    """

    state: State
    seed: int
    trials: Sequence[Trial]
    outcomes: Sequence[Outcome] = ()
    baselines: dict[str, Outcome] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """One line."""
        more = [out.seconds - self.baselines[of.ending].seconds for of, out in self._pairs()]
        accepted = sum(lane.accepted for outcome in self.outcomes for lane in outcome.lanes)
        return (
            f"F8, broker {self.state}: seed {self.seed}, {len(self.trials)} trials of {len(self.baselines)} endings, "
            f"{accepted} records; out after {spread([out.seconds for _, out in self._pairs()])}; longer than without "
            f"logging by {spread(more)}; {len(self.complaints)} complaints"
        )

    def _pairs(self) -> Iterator[tuple[Trial, Outcome]]:
        return zip(self.trials, self.outcomes, strict=True)


def campaign(folder: Path, state: State, seed: int, count: int, slack: float) -> Campaign:
    """Play trials, and judge them.

    Args:
        folder: an empty one.
        state: of the broker while they end.
        seed: of what is drawn.
        count: how many.
        slack: seconds that an end may take on top of what is promised, on a busy machine.
    """
    done = Campaign(state, seed, [*draw(seed, count)])
    with _stand(folder) as (server, site):
        with ExitStack() as stack, ThreadPoolExecutor(BESIDE) as pool:
            done.baselines = _baselines(pool, folder, done.trials)
            if state is State.SLOW:
                stack.enter_context(sliced(server, seed))
            done.outcomes = [*pool.map(lambda trial: _play(folder, server, state, trial), done.trials)]
        sent = site.run("sync", "spool", "--url", server.url, "--timeout", f"{PATIENCE:g}", timeout=2 * PATIENCE)
        if sent.returncode:
            done.complaints.append(f"`sync` leaves something: {sent.stderr}")
        rows = _settled(site, done.trials)
    for trial, outcome in zip(done.trials, done.outcomes, strict=True):
        place = folder_of(folder / "lines", SITE, trial.run)
        done.complaints += of_the_end(trial, outcome, done.baselines[trial.ending], slack)
        done.complaints += of_what_arrived(trial, outcome, place, rows.get(trial.run))
    return done


@contextmanager
def _stand(folder: Path) -> Iterator[tuple[NatsServer, Site]]:
    server = NatsServer(folder / "server")
    server.start()
    try:
        with site_in(folder, CONFIG.format(url=server.url)) as site:
            until(lambda: site.run("broker", "apply").returncode == 0, site.logs)
            worker = site.start("worker")
            yield server, site
            assert worker.stop() == 0, worker.output
    finally:
        server.stop()


def _baselines(pool: ThreadPoolExecutor, folder: Path, trials: Sequence[Trial]) -> dict[str, Outcome]:
    firsts = {trial.ending: trial for trial in trials}
    played = pool.map(lambda trial: alone(trial, folder / f"alone-{trial.number}"), firsts.values())
    return dict(zip(firsts, played, strict=True))


def _play(folder: Path, server: NatsServer, state: State, trial: Trial) -> Outcome:
    with broker_for(server, state, trial) as broker:
        variables = {
            "SITEWIRE_URL": broker.url,
            "SITEWIRE_SPOOL": str(folder / "spool"),
            "SITEWIRE_SITE": SITE,
            "SITEWIRE_RUN": trial.run,
        }
        return play(trial, folder / f"trial-{trial.number}", variables, broker.change)


def _settled(site: Site, trials: Sequence[Trial]) -> dict[str, dict[str, Any]]:
    """Return the rows of ``runs --json`` by run, once nothing is on its way any more."""
    rows: dict[str, dict[str, Any]] = {}

    def settled() -> bool:
        rows.update((row["run"], row) for row in site.rows())
        there = [rows[trial.run] for trial in trials if trial.run in rows]
        return len(there) == len(trials) and not any(row["state"] == "running" or row["untold"] for row in there)

    with suppress(AssertionError):  # what is wrong with which is said of each
        until(settled, site.logs, PATIENCE / 4)
    return rows
