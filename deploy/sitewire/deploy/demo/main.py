"""The demo from beginning to end: start everything, train, deliver, check, say what happened."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from rich.console import Console

from sitewire.deploy.cli.signals import STOPPING, stop_on_signals
from sitewire.deploy.demo.books import differences
from sitewire.deploy.demo.next_steps import how_to_go_on
from sitewire.deploy.demo.place import Place, prepare
from sitewire.deploy.demo.plan import Plan
from sitewire.deploy.demo.progress import Display
from sitewire.deploy.demo.session import Session
from sitewire.deploy.demo.summary import summarize
from sitewire.deploy.stack import Stack

DONE: Final = 0
NOT_DELIVERED: Final = 1
INTERRUPTED: Final = 130


async def demo(plan: Plan, out: Path) -> int:
    """Run the demo and return the exit code: 0 only if every receipt adds up and each tracker holds what was logged.

    Raises:
        DeployError: the broker cannot be started, ``out`` cannot be used, or a site ended early.
        BrokerError: the broker cannot be used, or the config file that is in ``out`` already is invalid.
        ExceptionGroup: of the former.
    """
    console = Console(highlight=False, soft_wrap=True)
    place = prepare(out)
    console.print(f"run {place.run}: {_count(plan.sites, 'site')}, {_count(plan.rounds, 'round')}; results in {out}")
    with Display(console, plan, [route.name for route in place.config.routes]) as display:
        session = Session(place, plan, display)
        completed = await _run(session, place)
    if not completed:
        console.print("Stopped. What was logged is kept, and `up` delivers what is not delivered yet:")
        how_to_go_on(console, place)
        return INTERRUPTED
    console.print("reading back what the trackers hold")
    problems = [*session.problems, *await asyncio.to_thread(differences, place.config, session.points)]
    summarize(console, session, place, problems)
    return NOT_DELIVERED if problems else DONE


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


async def _run(session: Session, place: Place) -> bool:
    """Run the session within its stack; return whether it came to its end before somebody stopped it."""
    end = asyncio.Event()
    stack = Stack(place.config)
    with stop_on_signals(STOPPING) as asked:
        async with asyncio.TaskGroup() as group:
            group.create_task(stack.run(end), name="stack")
            try:
                if not await _ready(stack, asked):
                    return False
                place.keep_port()
                return await session.run(asked)
            finally:
                end.set()


async def _ready(stack: Stack, asked: asyncio.Event) -> bool:
    """Wait until the stack is ready; return ``False`` if somebody stopped it before."""
    waiting = {asyncio.create_task(stack.ready()), asyncio.create_task(asked.wait())}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
    return not asked.is_set()
