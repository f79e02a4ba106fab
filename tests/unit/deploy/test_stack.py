"""``up`` and the spool that it collects."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sitewire.broker_config.load import load_config
from sitewire.deploy.stack import Stack

CONFIG = """
broker: {embedded: {}}
collect: {spool: spool}
routes: {curves: {subjects: ["metrics.>"], sink: {type: jsonl, dir: out}}}
"""


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    (tmp_path / "sitewire.yaml").write_text(CONFIG)
    return Stack(load_config(tmp_path / "sitewire.yaml"))


async def test_a_file_in_the_place_of_the_spool_is_said(
    stack: Stack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spool").touch()
    collecting = asyncio.create_task(stack._collect())
    async with asyncio.timeout(5):
        while not caplog.records:
            await asyncio.sleep(0)
    collecting.cancel()
    assert f"{tmp_path / 'spool'} is no folder; name one as `collect.spool`" in caplog.text
