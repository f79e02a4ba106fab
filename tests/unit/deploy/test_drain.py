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

    def __init__(self, look: float) -> None:
        self.look = look
        self.now = 0.0
        self.looks: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def left(self, config: Config) -> list[str]:
        """Take as long as a look takes; everything is delivered at the tenth."""
        del config
        self.looks.append(self.now)
        self.now += self.look
        return ["something"] if len(self.looks) < 10 else []


@pytest.mark.parametrize("look", [0.001, 0.1, 2.0, 60.0])
async def test_looking_takes_at_most_a_quarter_of_the_time_and_small_spools_are_looked_at_twice_a_second(
    look: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(look)
    monkeypatch.setattr(drain, "_left", clock.left)
    monkeypatch.setattr(drain, "time", clock)
    monkeypatch.setattr(drain, "asyncio", SimpleNamespace(sleep=clock.sleep, timeout=asyncio.timeout))

    assert await drain.drain(CONFIG, 3600) == []

    gaps = [later - earlier for earlier, later in zip(clock.looks, clock.looks[1:], strict=False)]
    assert min(gaps) >= 4 * look
    assert max(gaps) <= max(4 * look, drain.LOOK_INTERVAL + look) + 1e-9
