"""Reads config files one after another, so that a test can bound the memory that this takes.

``python -m support.hostile.reading_configs FILE...`` prints ``[[seconds, words], ...]``; no words, if a file is sound.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from sitewire.broker_config.errors import ConfigInvalid
from sitewire.broker_config.load import load_config


def main() -> None:
    """Read them and print what was said."""
    found: list[tuple[float, str]] = []
    for file in map(Path, sys.argv[1:]):
        began, words = time.thread_time(), ""
        try:
            load_config(file)
        except ConfigInvalid as error:
            words = error.problems[0].message[:200]
        found.append((time.thread_time() - began, words))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
