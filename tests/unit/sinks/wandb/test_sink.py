"""The sink without its extra: `check` and workers that have no such route never need W&B."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from sitewire.workers.errors import MissingExtra
from sitewire.workers.sinks.wandb import WandbOptions, WandbSink


def test_neither_the_sink_nor_reading_its_files_imports_the_client() -> None:
    program = (
        "import sys, sitewire.workers.sinks.wandb, sitewire.workers.sinks.wandb.recovery\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('wandb', 'google')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("found", [None, ModuleSpec("wandb", None)], ids=["nothing", "the client's own folder"])
async def test_a_worker_without_the_client_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: ModuleSpec | None
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    sink = WandbSink.from_options(WandbOptions(dir=tmp_path), tmp_path)
    with pytest.raises(MissingExtra, match=r"pip install 'sitewire\[wandb\]'"):
        await sink.open(0)
    await sink.close()
    assert list(tmp_path.iterdir()) == []


def test_records_are_gathered_for_as_long_as_the_operator_says(tmp_path: Path) -> None:
    assert WandbSink.from_options(WandbOptions(dir=tmp_path, flush_seconds=3), tmp_path).pace == 3
