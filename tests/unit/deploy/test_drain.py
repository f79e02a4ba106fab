"""How often ``drain`` looks: a look reads all that waits in the spool, and must not be most of what a machine does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from sitewire.broker_config.model import Broker, Collect, Config
from sitewire.deploy.cli import drain

CONFIG = Config(Path("sitewire.yaml"), Broker(url="nats://127.0.0.1:1"), Collect(spool=Path("/nowhere")), ())


class Clock:
    """Time that passes only in looks and pauses."""

    def __init__(self, look: float, untold: int = 0) -> None:
        self.look = look
        self.untold = untold
        self.now = 0.0
        self.looks: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def left(self, config: Config) -> tuple[list[str], list[str]]:
        """Take as long as a look takes; everything is delivered at the tenth, and told so many looks later."""
        del config
        self.looks.append(self.now)
        self.now += self.look
        many = len(self.looks)
        return ["something"] if many < 10 else [], ["an end"] if many < 10 + self.untold else []


@pytest.mark.parametrize("look", [0.001, 0.1, 2.0, 60.0])
async def test_looking_takes_at_most_a_quarter_of_the_time_and_small_spools_are_looked_at_twice_a_second(
    look: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(look)
    _pass_time(clock, monkeypatch)

    assert await drain.drain(CONFIG, 3600) == []

    gaps = [later - earlier for earlier, later in zip(clock.looks, clock.looks[1:], strict=False)]
    assert min(gaps) >= 4 * look
    assert max(gaps) <= max(4 * look, drain.LOOK_INTERVAL + look) + 1e-9


@pytest.mark.parametrize(("untold", "looks"), [(0, 10), (3, 13), (10**6, 10 + 20)])
async def test_it_waits_for_trackers_to_be_told_of_the_ends_of_runs_and_not_for_ever(
    untold: int, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(0.0, untold)
    _pass_time(clock, monkeypatch)

    assert await drain.drain(CONFIG, 3600) == []

    assert len(clock.looks) == looks


def _pass_time(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "_left", clock.left)
    monkeypatch.setattr(drain, "time", clock)
    monkeypatch.setattr(drain, "asyncio", SimpleNamespace(sleep=clock.sleep, timeout=asyncio.timeout))
