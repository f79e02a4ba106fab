"""Config files that somebody has spoiled, or made to cost: refused with words, soon, and in little memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import pytest

from sitewire.broker_config import source
from sitewire.broker_config.errors import ConfigInvalid
from sitewire.broker_config.load import load_config
from support.hostile.seed import seed
from support.hostile.texts import spoiled
from support.notes import NOTE
from support.product import SITEWIRE

TESTS = Path(__file__).parents[2]
FULL = os.environ.get("SITEWIRE_TEST_FULL") == "1"
COUNT = 20_000 if FULL else 200
MOST_SECONDS = 60.0  # of one file; about three for the worst where nothing else runs
MOST_MIB = 1024  # of address space, for a command that reads one

GOOD: Final = b"""\
broker:
  embedded: {port: 4222, store: .sitewire/jetstream, max_bytes: 4194304}
collect: {spool: spool}
routes:
  curves:
    subjects: ["metrics.hospital-a.*.>", "metrics.hospital-b.*.scalars.>"]
    start: 2026-11-21T10:00:00Z
    sink: {type: tensorboard, logdir: runs}
  lines:
    subjects: [metrics.*.*.run.*]
    sink: {type: jsonl, dir: "lines"}
  nothing:
    subjects: [metrics.>]
    sink: {type: "null"}
"""

VALUES: Final = (
    *(b"*a", b"&a [*a]", b"!!python/object:os.system x", b"!!float ''", b"!!int ''", b"!!int 0b", b"!!bool 7"),
    *(b"!!binary x", b"!!float 1:1:1", b"!!timestamp 2001-99-99", b"!!set {a}", b"!!omap [a]", b"? [1]\n: 2"),
    *(
        b"<<: {a: 1}",
        b"|\n x",
        b"%YAML 1.1\n---\n",
        b"[" * 50,
        b"{a: " * 50,
        b'"\\ud800"',
        b'"\\x00"',
        b".inf",
        b".nan",
    ),
    *(b"9" * 5000, b"0x" + b"f" * 500, b"\xef\xbb\xbf", b"\xff", b"\xe2\x80\xa8", b"\x85", b"~", b"'", b"- - -"),
    *(b"metrics.a\r\nb.>", b"..", b"x" * 300),
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 if FULL else 240)]


def _aliases(levels: int, key: bool) -> bytes:
    tens = [b",".join([b"x" if level == 0 else b"*a%d" % (level - 1)] * 10) for level in range(levels)]
    lines = [b"a%d: &a%d [%s]" % (level, level, ten) for level, ten in enumerate(tens)]
    last = b"*a%d" % (levels - 1)
    return b"\n".join([*lines, b"? " + last + b"\n: 1" if key else b"broker: " + last]) + b"\n"


BOMBS: Final = {
    "aliases of aliases for a value": _aliases(12, key=False),
    "aliases of aliases for a key": _aliases(12, key=True),
    "a list in itself": b"broker: &a [*a]\n",
    "a list in itself for a key": b"? &a [*a]\n: 1\n",
    "a hundred thousand brackets": b"[" * 100_000,
    "a hundred thousand braces": b"{a: " * 100_000,
    "a hundred thousand lines, each deeper": b"".join(b" " * at + b"a:\n" for at in range(700)),
    "a sixty-based float beyond all floats": b"%YAML 1.1\n---\nbroker: " + b"1:" * 300 + b"1.5\n",
    "an integer of a hundred kB": b"broker: " + b"9" * 100_000 + b"\n",
    "a key of 10 MB": b"x" * 10_000_000 + b": 1\n",
    "a key of as many bytes as a file may have": b"x" * (source.MAX_FILE_BYTES - 4) + b": 1\n",
    "a text of as many": b"broker: '" + b"x" * (source.MAX_FILE_BYTES - 11) + b"'\n",
    "a file that has no end": b"#" * 20_000_000,
    "a thousand anchors of one name": b"".join(b"k%d: &a %d\n" % (at, at) for at in range(1000)),
}


def test_files_that_are_made_to_cost_are_refused_with_words_in_little_memory(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    files = [tmp_path / f"{number}.yaml" for number in range(len(BOMBS))]
    for file, text in zip(files, BOMBS.values(), strict=True):
        file.write_bytes(text)
    done = subprocess.run(
        [sys.executable, "-m", "support.hostile.reading_configs", *map(str, files)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_little_memory,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    read: list[tuple[float, str]] = json.loads(done.stdout)
    found = dict(zip(BOMBS, read, strict=True))
    assert all(words for _, words in read), found
    name = max(found, key=lambda name: found[name][0])
    assert found[name][0] < MOST_SECONDS, found
    record_property(NOTE, f"{len(BOMBS)} config files that are made to cost: at most {found[name][0]:.1f} s ({name})")


def test_the_command_refuses_such_a_file_with_78(tmp_path: Path) -> None:
    (tmp_path / "sitewire.yaml").write_bytes(BOMBS["aliases of aliases for a key"])
    done = subprocess.run(
        [str(SITEWIRE), "check"], cwd=tmp_path, capture_output=True, text=True, check=False, preexec_fn=_little_memory
    )
    assert done.returncode == 78, done.stderr[-2000:]
    assert "a key is a mapping or a list" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_spoiled_file_is_read_or_refused_with_words(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    chance, file = Random(seed()), tmp_path / "sitewire.yaml"
    sound = refused = wordless = 0
    slowest = 0.0
    for number in range(COUNT):
        text = spoiled(chance, GOOD, VALUES) if number else GOOD
        file.write_bytes(text)
        began = time.thread_time()
        try:
            load_config(file)
            sound += 1
        except ConfigInvalid as error:
            refused += 1
            wordless += not all(problem.message for problem in error.problems)
        except Exception as error:
            error.add_note(f"seed {seed()}, file {number}: {text!r}")
            raise
        slowest = max(slowest, time.thread_time() - began)
    record_property(
        NOTE, f"hostile config files, seed {seed()}: {sound} sound, {refused} refused; slowest {slowest:.2f} s"
    )
    assert not wordless
    assert sound
    assert refused
    assert slowest < MOST_SECONDS


def _little_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MIB << 20, MOST_MIB << 20))
