"""What docs/reliability.md says picks a row does pick one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_each_command_of_a_row_picks_a_test() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/faults"],
        cwd=ROOT,
        env={**os.environ, "SITEWIRE_TEST_FULL": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    there = done.stdout.lower()
    picked = re.findall(r"""(?:`|")-k ([^`"]+)(?:`|")""", (ROOT / "docs" / "reliability.md").read_text())
    assert len(picked) > 10
    assert not [words for words in picked if words.lower() not in there]
