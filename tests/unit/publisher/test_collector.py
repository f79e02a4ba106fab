"""What a collector makes of the directories that it finds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sitewire.broker_config.connection import Endpoint
from sitewire.collectors.publisher.collector import Collector
from sitewire.collectors.publisher.link import Link
from sitewire.collectors.spool.directory import WriterDirectory
from support.spooled import MakeWriter, make_writer

__all__ = ["make_writer"]

HOLD = """
import sys
from pathlib import Path
from sitewire.collectors.spool.directory import discover
(directory,) = discover(Path(sys.argv[1]))
with directory.lock_draining():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_drained_writer_that_another_publisher_is_about_to_remove_is_no_trouble(
    make_writer: MakeWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = make_writer()
    writer.finish()
    monkeypatch.setattr(WriterDirectory, "expired", True)
    collector = Collector(Link(Endpoint("nats://127.0.0.1:1"), "test"), tmp_path / "spool", lambda _: True)
    collector._finished[writer.directory.path] = 0
    arguments = [sys.executable, "-c", HOLD, str(tmp_path / "spool")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert collector._find() == []
        assert not collector.failures
        other.communicate()
    assert collector._find() == []
    assert not writer.directory.path.exists()
