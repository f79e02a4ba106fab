"""What runs beside a trainer comes with nats-py and msgpack, and imports nothing more."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"pydantic", "ruamel", "rich", "numpy", "tensorboard", "tensorboardX", "google", "sklearn", "torch", "jax"}
HEAVY |= {"mlflow", "wandb", "nats_server", "crc32c"}
LIGHT = (
    "sitewire.schemas.codec",
    "sitewire.schemas.asyncapi",
    "sitewire.broker_config.names",
    "sitewire.broker_config.connection",
    "sitewire.collectors",
    "sitewire.collectors.run",
    "sitewire.collectors.tensorboard",
    "sitewire.collectors.mlflow",
    "sitewire.collectors.wandb",
)


def _loaded(module: str) -> set[str]:
    program = f"import json, sys, {module}; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    return set(json.loads(output))


@pytest.mark.parametrize("module", LIGHT)
def test_no_server_library_comes_along(module: str) -> None:
    loaded = _loaded(module)
    assert "sitewire" in loaded
    assert loaded & HEAVY == set()


def test_the_question_finds_what_it_asks_for() -> None:
    assert "pydantic" in _loaded("pydantic")
