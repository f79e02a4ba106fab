"""What happens at the points that are reached only when something of one run fails, and goes well again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Final

from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.names import PARKED_BUCKET, PARTITIONS
from sitewire.schemas.subject import RunKey, Subject
from sitewire.workers.point import Point
from support.checker.case import BEGUN, Case, see_through
from support.checker.load import Finding, load, run_keys
from support.checker.refusing import STEP
from support.checker.scene import Scene
from support.checker.tracker import JSONL
from support.checker.trap import Place
from support.points import NAMES
from support.product import PATIENCE, until
from support.stream import SCALARS, WRITER, send, tell

_numbers = count(1)


def parked(scene: Scene, case: Case, patience: float = PATIENCE) -> Finding:
    """A file lies where the folder of a run belongs; others of its partition go on; then it is gone."""
    name, runs = f"parked-{next(_numbers)}", PARTITIONS + 2
    blocked = run_keys(name, runs)[0]
    obstacle = scene.site.folder / JSONL.place / blocked.tokens[1]
    obstacle.parent.mkdir(exist_ok=True)
    obstacle.write_text("in the way")
    with load(scene.site, scene.trackers, name, runs=runs, patience=patience) as running:
        if case.point is Point.RUN_PARKED:
            scene.trap.set(case.point, case.number)
            scene.keep(case.workers)
            see_through(scene, case, running)
            obstacle.unlink()
        else:
            scene.keep(case.workers)
            running.wait_until_visible(BEGUN)
            until(lambda: scene.ask(_any_parked), scene.site.logs)
            scene.trap.set(case.point, case.number)
            obstacle.unlink()
            see_through(scene, case, running)
        running.wait_until_caught_up()
    return running.finding


def refused(scene: Scene, case: Case, patience: float = PATIENCE) -> Finding:
    """The trackers refuse one record of each run; the scene's workers have been told to."""
    with load(scene.site, scene.trackers, f"refused-{next(_numbers)}", patience=patience) as running:
        scene.trap.set(case.point, case.number)
        scene.keep(case.workers)
        see_through(scene, case, running)
        # One trainer's record is enough for the catch; the others have to come to theirs.
        until(lambda: all(t.journal.accepted > STEP * len(NAMES) for t in running.trainers), scene.site.logs)
    finding, letters = running.finding, len(running.trainers) * len(scene.trackers)
    if (counted := sum(row["dead_letters"] for row in running.rows)) != letters:
        finding.complaints.append(f"{counted} dead letters are counted, not {letters}")
    return finding


def unreadable(scene: Scene, case: Case, patience: float = PATIENCE) -> Finding:
    """What lies between two messages of a writer cannot be read: a hole with a name."""
    name = f"unreadable-{next(_numbers)}"
    torn = RunKey("a", f"{name}-torn")
    with load(scene.site, scene.trackers, name, patience=patience) as running:
        scene.keep(case.workers)
        running.wait_until_visible(BEGUN)
        scene.trap.set(case.point, case.number)
        scene.ask(lambda client: _send_torn(client, torn))
        see_through(scene, case, running)
        until(lambda: len(_ended(scene, torn)) == len(scene.trackers), scene.site.logs)
        running.wait_until_caught_up()
    for row in _ended(scene, torn):
        if (row["delivered"], row["holes"], row["pending"]) != (20, {"damaged": 10}, 0):
            running.finding.complaints.append(f"the torn run: {row}")
    return running.finding


FAILING: Final[Mapping[Place, Callable[[Scene, Case], Finding]]] = {
    Point.RUN_PARKED: parked,
    Point.PARKED_MOVED: parked,
    Point.PARKED_FORGOTTEN: parked,
    Point.LETTER_PUBLISHED: refused,
    Point.MESSAGE_KEPT: unreadable,
    Point.HOLE_NOTED: unreadable,
}
"""What has a worker come by."""


async def _any_parked(client: Client) -> bool:
    return bool(await Bucket(client, PARKED_BUCKET).all())


async def _send_torn(client: Client, run: RunKey) -> None:
    await send(client, 0, 10, run=run)
    await client.jetstream().publish(str(Subject(run, SCALARS, WRITER)), b"no envelope")
    await send(client, 20, 30, run=run)
    await tell(client, {SCALARS: (30, 30, 0)}, alive=False, ended=True, run=run)


def _ended(scene: Scene, run: RunKey) -> list[dict[str, object]]:
    return [row for row in scene.site.rows() if (row["site"], row["run"]) == (run.site, run.run) and not row["pending"]]
