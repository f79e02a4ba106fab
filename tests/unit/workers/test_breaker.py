"""Who gets through to a place that is down, and what is taken from what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.errors import ConnectionLost
from sitewire.workers.breaker import UNASKED, Breaker, Breakers
from sitewire.workers.circuit import IN_A_ROW, Circuit
from sitewire.workers.errors import BatchRefused, GivenUp, PlaceDown, SinkUnavailable, Throttled
from sitewire.workers.outage import MOST_ROUTES, MOST_WHY, Outage

NEVER = asyncio.Event()
DOWN_FOR_ONE = PlaceDown("500, for this run alone")


def nothing() -> None:
    """Take no notice."""


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("mlflow:x", Circuit(clock, Backoff(first=0.0, most=0.0)))


async def attempt(breaker: Breaker, error: BaseException | None = None, *, proven: bool = True) -> None:
    """Make one that comes to an error, or works."""
    permit = await breaker.admit(NEVER, nothing)
    async with breaker.attempt(permit) as made:
        if error is not None:
            raise error
        made.proven = proven


async def trip(breaker: Breaker, why: str = "connection refused") -> None:
    """Have it open."""
    for _ in range(IN_A_ROW):
        with pytest.raises(PlaceDown):
            await attempt(breaker, PlaceDown(why))
    assert breaker.open


def said_of(breaker: Breaker) -> list[Outage]:
    """Return what is said, if anything is."""
    return [] if breaker.outage is None else [breaker.outage]


@pytest.mark.parametrize("error", [ConnectionLost("no broker"), asyncio.CancelledError(), None])
async def test_what_says_nothing_of_the_place_leaves_it_to_the_next(
    breaker: Breaker, error: BaseException | None
) -> None:
    await trip(breaker)
    if error is None:
        await attempt(breaker, proven=False)
    else:
        with pytest.raises(type(error)):
            await attempt(breaker, error)
    assert breaker.open
    await attempt(breaker)
    assert not breaker.open


@pytest.mark.parametrize("make", [BatchRefused, SinkUnavailable, ValueError])
async def test_a_place_that_answers_anything_is_not_down(breaker: Breaker, make: Callable[[str], Exception]) -> None:
    await trip(breaker)
    with pytest.raises(make("x").__class__):
        await attempt(breaker, make("no"))
    assert not breaker.open


async def test_while_one_tries_the_others_wait_and_all_follow_when_it_has_worked(breaker: Breaker) -> None:
    await trip(breaker)
    probe = await breaker.admit(NEVER, nothing)
    waited: list[int] = []
    others = [asyncio.create_task(breaker.admit(NEVER, lambda: waited.append(1))) for _ in range(5)]
    await asyncio.sleep(0.05)
    assert len(waited) >= 5
    assert not any(task.done() for task in others)
    async with breaker.attempt(probe) as made:
        made.proven = True
    async with asyncio.timeout(1):
        await asyncio.gather(*others)


async def test_who_waits_gives_up_when_told_and_leaves_nothing_behind(breaker: Breaker) -> None:
    await trip(breaker)
    await breaker.admit(NEVER, nothing)
    until = asyncio.Event()
    waiting = [asyncio.create_task(breaker.admit(until, nothing)) for _ in range(2)]
    await asyncio.sleep(0.02)
    waiting[0].cancel()
    until.set()
    async with asyncio.timeout(1):
        done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in done] == [asyncio.CancelledError, GivenUp]
    assert not breaker._waiting


async def test_an_outage_says_since_when_and_why_until_nobody_has_anything_for_the_place(
    breaker: Breaker, clock: Clock
) -> None:
    assert not said_of(breaker)
    await trip(breaker, "\ud800" + "x" * 1000)
    (outage,) = said_of(breaker)
    assert abs(outage.since - time.time()) < 5
    assert outage.why == "?" + "x" * (MOST_WHY - 1)
    clock.now += UNASKED
    assert not said_of(breaker)


async def test_a_place_has_one_whatever_the_route_and_a_worker_speaks_of_a_few() -> None:
    breakers = Breakers()
    await trip(breakers.of("mlflow:x"))
    places = [(f"r{number}", "mlflow:x") for number in range(MOST_ROUTES + 5)]
    assert breakers.outages([("well", "jsonl:y"), places[0]]).keys() == {"r0"}
    assert len(breakers.outages(places)) == MOST_ROUTES


async def test_runs_that_fail_for_longer_than_the_place_works_for_another_keep_it_from_nobody(breaker: Breaker) -> None:
    began = time.monotonic()
    await attempt(breaker)
    for _ in range(3 * IN_A_ROW):
        permit = await breaker.admit(NEVER, nothing, failing=True)
        with pytest.raises(PlaceDown):
            async with breaker.attempt(permit, began):
                raise DOWN_FOR_ONE
    assert not breaker.open
    await trip(breaker)  # what begins to fail behind that success counts as ever


async def test_the_probe_goes_to_a_run_that_has_not_failed_before_those_that_have(
    breaker: Breaker, clock: Clock
) -> None:
    with pytest.raises(PlaceDown):
        await attempt(breaker, Throttled("too many requests", 0.3))
    waiting: list[str] = []
    never = asyncio.Event()
    order: list[str] = []

    async def ask(name: str, *, failing: bool) -> None:
        permit = await breaker.admit(never, lambda: waiting.append(name), failing=failing)
        async with breaker.attempt(permit) as made:
            order.append(name)
            made.proven = True

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(ask(f"failing {number}", failing=True))
        group.create_task(ask("sound", failing=False))
        while len(waiting) < 6:
            await asyncio.sleep(0)
        clock.now += 0.3  # not before all of them wait, however slow the machine is
    assert order[0] == "sound"
