"""The real client in a process of its own, told what to log: the sink's online half is built on what it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from support.wandb.standin import StandIn

QUIET: Final[dict[str, Any]] = {
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "x_disable_machine_info": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
}
QUICK: Final[dict[str, Any]] = {
    "finish_timeout": 10,
    "finish_timeout_raises": True,
    "init_timeout": 10,
    "x_file_stream_retry_wait_max_seconds": 1,
    "x_file_stream_retry_wait_min_seconds": 1,
    "x_file_stream_transmit_interval": 0.1,
    "x_transaction_log_flush_interval": 0.1,
}

_SCRIPT: Final = Path(sys.executable).parent / "wandb"


def log(standin: StandIn, place: Path, *segments: range, run: str = "one", **more: Any) -> list[dict[str, Any]]:
    """Log rows ``{"row": n, "loss": n / 2}`` under the steps n of a run, and finish; once more for each further range.

    Args:
        standin: where to.
        place: the client's folder.
        segments: the steps of each time that the run is opened.
        run: its id, in project ``project``.
        more: ``mode``, ``resume``, ``exit_code``, ``config``; ``die`` behind the last row of the last segment.

    Returns:
        For each, what the client says: ``resumed``, and ``error`` by its type if ``init`` or ``finish`` raised.
    """
    parts = [(segment.start, segment.stop) for segment in segments]
    task = {"place": str(place), "segments": parts, "run": run, "mode": "online", **more}
    command = [sys.executable, "-m", "support.wandb.client", json.dumps(task)]
    done = subprocess.run(command, env=_environment(standin), stdout=subprocess.PIPE, timeout=60, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def sync(standin: StandIn, *segments: Path, again: bool = False) -> str:
    """Run ``wandb sync`` on segments; return what it says."""
    options = ["--include-synced"] if again else []
    command = [str(_SCRIPT), "sync", *options, *map(str, segments)]
    environment = _environment(standin)
    here = segments[0].parents[1]  # it writes its log into the current directory
    done = subprocess.run(command, env=environment, cwd=here, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def segments(place: Path) -> list[Path]:
    """Return the client's folders of a place, oldest first."""
    return sorted((place / "wandb").glob("*run-2*"))


def _environment(standin: StandIn) -> Mapping[str, str]:
    tests = str(Path(__file__).parents[2])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return kept | standin.environment | {"PYTHONPATH": tests, "WANDB_ERROR_REPORTING": "false"}


def _main() -> None:
    task = json.loads(sys.argv[1])
    for first, end in task["segments"]:
        try:
            said = _segment(task, range(first, end))
        except Exception as error:  # noqa: BLE001  whatever it is, the test is told
            said = {"error": type(error).__name__}
            print(error, file=sys.stderr)
        print(json.dumps(said), flush=True)


def _segment(task: Mapping[str, Any], steps: range) -> dict[str, Any]:
    import wandb

    run = wandb.init(
        project="project",
        id=task["run"],
        dir=task["place"],
        mode=task["mode"],
        reinit="create_new",
        resume=task.get("resume"),
        config=task.get("config"),
        settings=QUIET | QUICK | {"silent": True},
    )
    for step in steps:
        run.log({"row": step, "loss": step / 2}, step=step)
    core = run._interface
    assert core is not None
    core.deliver_network_status().wait_or(timeout=5)  # answered behind the rows: the core has them all
    if task.get("die") and steps.stop == task["segments"][-1][1]:
        os.kill(os.getpid(), signal.SIGKILL)
    run.finish(exit_code=task.get("exit_code", 0))
    return {"resumed": run.resumed}


if __name__ == "__main__":
    _main()
