"""The coordinator, in a process of its own: averages networks, tests them, logs what holds for all sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from sitewire.collectors import Run
from sitewire.deploy.demo.examples import Examples
from sitewire.deploy.demo.messages import Averaged, Finished, Update, ask_for_examples
from sitewire.deploy.demo.network import Score, average, evaluate, fresh
from sitewire.deploy.demo.plan import SERVER, Plan


@dataclass(frozen=True, slots=True)
class CoordinatorTask:
    """What the coordinator is started with.

    Attributes:
        plan: the training.
        sites: give updates, take networks; in the order of the sites' names.
        terminal: gives examples that no site holds, takes news.
    """

    plan: Plan
    sites: Sequence[Connection]
    terminal: Connection


def run_coordinator(task: CoordinatorTask) -> None:
    """Lead all rounds. Ends early, without a word, when the other ends of the pipes are gone."""
    try:
        test = ask_for_examples(task.terminal, SERVER)
        with Run() as run:
            points = _lead(task, test, run)
        task.terminal.send(Finished(SERVER, points))
    except (EOFError, ConnectionError):
        return


def _lead(task: CoordinatorTask, test: Examples, run: Run) -> Counter[str]:
    parameters = fresh(task.plan.hidden, task.plan.random(2))
    points: Counter[str] = Counter()
    points += _log(run, evaluate(parameters, test), 0)
    for number in range(1, task.plan.rounds + 1):
        for site in task.sites:
            site.send(parameters)
        # In the order of the sites, not of arrival: sums of floats depend on it, and the seed shall decide alone.
        updates: list[Update] = [site.recv() for site in task.sites]
        parameters = average([update.parameters for update in updates], [update.examples for update in updates])
        score = evaluate(parameters, test)
        points += _log(run, score, number)
        task.terminal.send(Averaged(number, score))
    return points


def _log(run: Run, score: Score, number: int) -> Counter[str]:
    tags = {"global/loss": score.loss, "global/accuracy": score.accuracy}
    run.log(tags, round=number)
    return Counter(dict.fromkeys(tags, 1))
