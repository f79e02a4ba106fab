"""Programs in MLflow's fluent syntax that say what they saw: run once through the original, once through ours.

``python -m support.fluent_programs mlflow|sitewire`` runs them all and prints what each saw, as JSON. Ids are
told as the order in which a program met them, so that both can say the same.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

Mlflow = Any
"""The original's module, or ours."""


class Seen:
    """What a program saw, in its order."""

    def __init__(self) -> None:
        self.said: list[object] = []
        self._ids: list[str] = []

    def run(self, run: Any) -> object:
        """Note a run by the order in which it was met, or that there is none."""
        self.say(None if run is None else self.number(run.info.run_id))
        return run

    def number(self, run_id: str) -> int:
        """Return the order in which an id was met."""
        if run_id not in self._ids:
            self._ids.append(run_id)
        return self._ids.index(run_id)

    def say(self, value: object) -> None:
        """Note anything that JSON can hold."""
        self.said.append(value)

    def raised(self, call: Callable[[], object]) -> None:
        """Note whether a call raised, and whether it said that a run is active."""
        try:
            call()
        except Exception as error:  # noqa: BLE001  the original raises a bare one
            self.said.append(["raised", "already active" in str(error)])
        else:
            self.said.append("returned")


def a_log_call_starts_a_run(mlflow: Mlflow, seen: Seen) -> None:
    seen.run(mlflow.active_run())
    seen.run(mlflow.last_active_run())
    mlflow.log_metric("loss", 1.0)
    seen.run(mlflow.active_run())
    seen.run(mlflow.last_active_run())
    mlflow.log_param("rate", 0.1)
    seen.run(mlflow.active_run())
    mlflow.end_run()
    seen.run(mlflow.active_run())
    seen.say(seen.run(mlflow.last_active_run()).info.status)  # type: ignore[attr-defined]
    seen.say(mlflow.end_run())


def every_log_call_starts_one(mlflow: Mlflow, seen: Seen) -> None:
    calls: list[Callable[[], object]] = [
        lambda: mlflow.log_metrics({"a": 1.0}),
        lambda: mlflow.log_params({"a": 1.0}),
        lambda: mlflow.set_tag("a", 1.0),
        lambda: mlflow.set_tags({"a": 1.0}),
        lambda: mlflow.log_text("a", "a.txt"),
        lambda: mlflow.log_dict({}, "a.json"),
        lambda: mlflow.set_experiment("another"),
        lambda: mlflow.get_parent_run(mlflow.start_run().info.run_id),
    ]
    for call in calls:
        call()
        seen.run(mlflow.active_run())
        mlflow.end_run()


def a_block_ends_its_run(mlflow: Mlflow, seen: Seen) -> None:
    with mlflow.start_run() as run:
        seen.run(run)
        seen.run(mlflow.active_run())
        seen.say([run.info.status, run.info.end_time, type(run.info.start_time).__name__])
    seen.say([run.info.status, mlflow.get_run(run.info.run_id).info.status])
    seen.run(mlflow.active_run())


def an_exception_fails_every_run_that_it_leaves(mlflow: Mlflow, seen: Seen) -> None:
    runs = []
    try:
        with mlflow.start_run() as outer, mlflow.start_run(nested=True) as inner:
            runs = [outer, inner]
            raise KeyboardInterrupt  # noqa: TRY301  it has to leave the block
    except KeyboardInterrupt:
        seen.say([mlflow.get_run(run.info.run_id).info.status for run in runs])
    seen.run(mlflow.active_run())


def runs_are_nested(mlflow: Mlflow, seen: Seen) -> None:
    with mlflow.start_run(run_name="outer", tags={"a": 1}, description="why") as outer:
        with mlflow.start_run(nested=True, run_name="inner") as inner:
            seen.run(mlflow.active_run())
            seen.run(mlflow.get_parent_run(inner.info.run_id))
            with mlflow.start_run(nested=True, parent_run_id=inner.info.run_id) as innermost:
                seen.run(mlflow.get_parent_run(innermost.info.run_id))
        seen.run(mlflow.active_run())
        seen.run(mlflow.last_active_run())
    seen.run(mlflow.get_parent_run(outer.info.run_id))
    for run in (outer, inner):
        names = ("a", "mlflow.runName", "mlflow.note.content")
        seen.say([run.info.run_name, *(run.data.tags.get(name) for name in names)])
        parent = run.data.tags.get("mlflow.parentRunId")
        seen.say(None if parent is None else seen.number(parent))
    with mlflow.start_run(parent_run_id=outer.info.run_id) as later:
        seen.run(mlflow.get_parent_run(later.info.run_id))


def what_tags_say_of_a_run(mlflow: Mlflow, seen: Seen) -> None:
    with mlflow.start_run() as outer:
        pass
    said = {"mlflow.parentRunId": outer.info.run_id, "mlflow.runName": "name", "mlflow.note.content": "why", "a": "b"}
    with mlflow.start_run(tags=said) as inner:
        seen.run(mlflow.get_parent_run(inner.info.run_id))
        seen.say([inner.info.run_name, *(inner.data.tags[name] for name in list(said)[1:])])
        with mlflow.start_run(nested=True, tags=said, run_name="another") as innermost:
            seen.run(mlflow.get_parent_run(innermost.info.run_id))
            seen.say([innermost.info.run_name, innermost.data.tags["mlflow.runName"]])


def what_is_refused(mlflow: Mlflow, seen: Seen) -> None:
    with mlflow.start_run() as run:
        seen.raised(mlflow.start_run)
        seen.raised(lambda: mlflow.start_run(run_id=run.info.run_id))
        seen.raised(lambda: mlflow.start_run(nested=True, parent_run_id="0" * 32))
        seen.raised(lambda: mlflow.start_run(nested=True, tags={"mlflow.note.content": "a"}, description="b"))
        seen.run(mlflow.active_run())
        seen.raised(mlflow.set_experiment)
        seen.raised(lambda: mlflow.set_experiment("a", "b"))
        seen.raised(lambda: mlflow.set_experiment(""))
    seen.say(mlflow.get_run(run.info.run_id).info.status)


def a_status_that_is_none(mlflow: Mlflow, seen: Seen) -> None:
    run = mlflow.start_run()
    seen.raised(lambda: mlflow.end_run("DONE"))
    seen.run(mlflow.active_run())
    seen.say(mlflow.get_run(run.info.run_id).info.status)


def every_status(mlflow: Mlflow, seen: Seen) -> None:
    for status in ("FINISHED", "FAILED", "KILLED", "RUNNING", "SCHEDULED", None):
        run = mlflow.start_run()
        mlflow.end_run(status)
        seen.say(mlflow.get_run(run.info.run_id).info.status)


def a_run_is_resumed(mlflow: Mlflow, seen: Seen) -> None:
    with mlflow.start_run(run_name="first") as run:
        mlflow.log_metric("loss", 1.0, 0)
    with mlflow.start_run(run_id=run.info.run_id, tags={"again": "yes"}) as again:
        seen.run(again)
        seen.say([again.info.status, again.info.run_name, again.data.tags.get("again")])
        seen.say(mlflow.get_run(run.info.run_id).info.status)
    mlflow.start_run(run.info.run_id)
    mlflow.end_run("FAILED")
    seen.say(mlflow.get_run(run.info.run_id).info.status)
    seen.run(mlflow.start_run())
    mlflow.end_run()


def a_run_in_the_environment(mlflow: Mlflow, seen: Seen) -> None:
    with mlflow.start_run() as run:
        seen.run(run)
    os.environ["MLFLOW_RUN_ID"] = run.info.run_id
    seen.run(mlflow.start_run())
    seen.say("MLFLOW_RUN_ID" in os.environ)
    os.environ["MLFLOW_RUN_ID"] = run.info.run_id
    mlflow.end_run()
    seen.say("MLFLOW_RUN_ID" in os.environ)
    with mlflow.start_run() as run:
        seen.run(run)


def a_run_lies_on_the_stack_twice(mlflow: Mlflow, seen: Seen) -> None:
    with mlflow.start_run() as outer:
        with mlflow.start_run(run_id=outer.info.run_id, nested=True):
            seen.run(mlflow.active_run())
        seen.run(mlflow.active_run())
        seen.say(mlflow.get_run(outer.info.run_id).info.status)
        mlflow.log_metric("loss", 1.0)
    seen.say(mlflow.get_run(outer.info.run_id).info.status)
    seen.run(mlflow.active_run())


def a_block_whose_run_was_ended_inside(mlflow: Mlflow, seen: Seen) -> None:
    with mlflow.start_run() as run:
        mlflow.end_run("FAILED")
        seen.run(mlflow.active_run())
    seen.say(mlflow.get_run(run.info.run_id).info.status)


def a_block_that_leaves_a_run_on_top(mlflow: Mlflow, seen: Seen) -> None:
    with mlflow.start_run() as outer:
        inner = mlflow.start_run(nested=True)
    seen.run(outer)
    seen.run(mlflow.active_run())
    seen.say([mlflow.get_run(run.info.run_id).info.status for run in (outer, inner)])
    mlflow.end_run()


def logging_to_a_run_by_its_id(mlflow: Mlflow, seen: Seen) -> None:
    with mlflow.start_run() as ended:
        pass
    mlflow.log_metric("loss", 1.0, run_id=ended.info.run_id)
    mlflow.log_metrics({"loss": 1.0}, run_id=ended.info.run_id)
    mlflow.log_params({"a": 1}, run_id=ended.info.run_id)
    mlflow.log_text("a", "a.txt", run_id=ended.info.run_id)
    seen.run(mlflow.active_run())
    seen.say(mlflow.get_run(ended.info.run_id).info.status)


def threads(mlflow: Mlflow, seen: Seen) -> None:
    with mlflow.start_run() as run:
        seen.run(run)

        def work() -> None:
            seen.run(mlflow.active_run())
            seen.run(mlflow.last_active_run())
            mlflow.log_metric("loss", 1.0)
            seen.run(mlflow.active_run())
            mlflow.end_run()
            seen.run(mlflow.last_active_run())

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        seen.run(mlflow.active_run())
    seen.run(mlflow.last_active_run())


def forks(mlflow: Mlflow, seen: Seen) -> None:
    with mlflow.start_run():
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, json.dumps([mlflow.active_run() is None, mlflow.last_active_run() is None]).encode())
            os._exit(0)
        os.waitpid(child, 0)
        seen.say(json.loads(os.read(reader, 100)))
        seen.run(mlflow.active_run())


def experiments(mlflow: Mlflow, seen: Seen) -> None:
    chosen = mlflow.set_experiment("digits")
    seen.say([chosen.name, chosen.lifecycle_stage])
    made = mlflow.create_experiment("made")
    with mlflow.start_run() as run:
        mlflow.set_experiment("later")
        seen.say(run.info.experiment_id == chosen.experiment_id)
        with mlflow.start_run(nested=True) as inner, mlflow.start_run(nested=True, experiment_id=made) as innermost:
            seen.say(mlflow.get_experiment(inner.info.experiment_id).name)
            seen.say(mlflow.get_experiment(innermost.info.experiment_id).name)
    by_id = mlflow.set_experiment(experiment_id=made)
    seen.say([by_id.name, mlflow.get_experiment_by_name("made").experiment_id == made])


def what_calls_return(mlflow: Mlflow, seen: Seen) -> None:
    with mlflow.start_run():
        seen.say([mlflow.log_metric("a", 1.0), mlflow.log_metrics({"a": 1.0}), mlflow.log_param("p", 0.5)])
        seen.say([mlflow.log_params({"q": 1}), mlflow.set_tag("a", 1), mlflow.set_tags({"a": 1})])
        seen.say([mlflow.log_text("a", "a.txt"), mlflow.log_dict({}, "a.json")])
        for operation in (
            mlflow.log_metric("a", 1.0, synchronous=False),
            mlflow.log_metrics({"a": 1.0}, synchronous=False),
            mlflow.log_param("r", 0.5, synchronous=False),
            mlflow.log_params({"s": 1}, synchronous=False),
            mlflow.set_tag("a", 1, synchronous=False),
            mlflow.set_tags({"a": 1}, synchronous=False),
        ):
            seen.say([type(operation).__name__, operation.wait()])
        seen.say(mlflow.flush_async_logging())


PROGRAMS = {
    program.__name__: program
    for program in (
        a_log_call_starts_a_run,
        every_log_call_starts_one,
        a_block_ends_its_run,
        an_exception_fails_every_run_that_it_leaves,
        runs_are_nested,
        what_tags_say_of_a_run,
        what_is_refused,
        a_status_that_is_none,
        every_status,
        a_run_is_resumed,
        a_run_in_the_environment,
        a_run_lies_on_the_stack_twice,
        a_block_whose_run_was_ended_inside,
        a_block_that_leaves_a_run_on_top,
        logging_to_a_run_by_its_id,
        threads,
        forks,
        experiments,
        what_calls_return,
    )
}


def _in_a_thread_of_its_own(program: Callable[[Mlflow, Seen], None], mlflow: Mlflow) -> list[object]:
    """Run it where nothing is active and nothing was."""
    seen, failed = Seen(), list[BaseException]()

    def run() -> None:
        try:
            program(mlflow, seen)
        except BaseException as error:  # noqa: BLE001  raised again, in the thread that waits
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return seen.said


if __name__ == "__main__":
    module = importlib.import_module({"mlflow": "mlflow", "sitewire": "sitewire.collectors.mlflow"}[sys.argv[1]])
    print(json.dumps({name: _in_a_thread_of_its_own(program, module) for name, program in PROGRAMS.items()}))
