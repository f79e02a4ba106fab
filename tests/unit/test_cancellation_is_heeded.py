"""A loop that waits on nats-py must look by itself whether it has been told to end.

On Python 3.11 ``asyncio.wait_for``, which nats-py waits with, can swallow a cancellation; a loop that does not look
goes on for ever then, and with it the process that waits for it. One such kept a worker from ending.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = ("broker_config", "collectors", "workers", "deploy")

WAITS_ON_ASYNCIO: Final = "what it awaits is asyncio's own"
ENDS_BY_ITSELF: Final = "each turn makes what is left smaller, and the turns are few"
FLAG: Final = "a flag ends it, no cancellation"
IN_A_THREAD: Final = "what it awaits is a thread or a process of ours"

EXCUSED: Final = {
    "collectors/publisher/collector.py run": IN_A_THREAD,
    "collectors/publisher/link.py _connect": "the loop in the call that it waits in does",
    "collectors/publisher/link.py _ready": WAITS_ON_ASYNCIO,
    "collectors/publisher/sync.py sync": IN_A_THREAD,
    "collectors/publisher/thread.py _run": FLAG,
    "deploy/broker/embedded.py _end_when_there_is_room": IN_A_THREAD,
    "deploy/broker/embedded.py _relaunch": IN_A_THREAD,
    "deploy/broker/embedded.py _supervise": IN_A_THREAD,
    "deploy/broker/process.py _read_log": IN_A_THREAD,
    "deploy/demo/session.py _settle": FLAG,
    "deploy/demo/session.py _train": FLAG,
    "deploy/forget.py _refuse_if_served": ENDS_BY_ITSELF,
    "workers/route.py _wait_for_room": WAITS_ON_ASYNCIO,
    "workers/route.py _wait_for_room_again": WAITS_ON_ASYNCIO,
    "workers/sinks/threads.py _wait_for": IN_A_THREAD,
    "workers/suspicions.py _terminate": ENDS_BY_ITSELF,
}
"""Loops that need not look, and why."""

SINKS: Final = "workers/sinks/"
"""A sink knows no broker: what it awaits are threads and processes."""


def loops() -> dict[str, bool]:
    """Return where loops without an end of their own await, by file and function, and whether all of them look."""
    found: dict[str, bool] = {}
    for name, looks in each_loop():
        found[name] = looks and found.get(name, True)
    return found


def each_loop() -> Iterator[tuple[str, bool]]:
    for folder in FOLDERS:
        package = ROOT / folder / "sitewire"
        for path in sorted(package.rglob("*.py")):
            for function in ast.walk(ast.parse(path.read_text())):
                if not isinstance(function, ast.AsyncFunctionDef):
                    continue
                for loop in ast.walk(function):
                    if is_endless(loop) and any(isinstance(node, ast.Await) for node in ast.walk(loop)):
                        yield f"{path.relative_to(package)} {function.name}", "heed_cancellation()" in ast.unparse(loop)


def is_endless(node: ast.AST) -> bool:
    """Whether it is a loop of which nothing says that it has an end."""
    return isinstance(node, ast.While) or (
        isinstance(node, ast.For) and isinstance(node.iter, ast.Call) and ast.unparse(node.iter.func).endswith("count")
    )


@pytest.mark.parametrize(("name", "looks"), sorted(loops().items()))
def test_every_loop_that_waits_on_the_broker_heeds_its_cancellation(name: str, looks: bool) -> None:
    if not name.startswith(SINKS):
        assert looks != (name in EXCUSED), name


def test_every_excuse_is_of_a_loop_that_is_there() -> None:
    assert EXCUSED.keys() <= loops().keys()
