"""Config files for tests."""

from __future__ import annotations

import textwrap
from pathlib import Path

from sitewire.broker_config.load import load_config
from sitewire.broker_config.model import Config


def write_config(folder: Path, text: str, name: str = "sitewire.yaml") -> Path:
    """Write a config file and return its path; the text may be indented."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(textwrap.dedent(text))
    return file


def config_of(folder: Path, text: str) -> Config:
    """Write a config file and load it."""
    return load_config(write_config(folder, text))
