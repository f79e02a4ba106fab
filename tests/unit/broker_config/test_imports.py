from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
for name in ("pydantic", "pydantic_core", "ruamel", "ruamel.yaml", "rich"):
    sys.modules[name] = None
import sitewire.broker_config.{module}
"""


@pytest.mark.parametrize("module", ["names", "patterns", "errors", "credentials", "connection", "backoff"])
def test_a_trainer_imports_it_without_the_libraries_of_a_server(module: str) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM.format(module=module)], check=True, timeout=60)


def test_the_blocking_blocks() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(module="model")], check=False, capture_output=True)
    assert b"pydantic" in done.stderr
