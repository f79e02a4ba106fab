"""The product's command in a process that can be trapped: ``python -m support.checker.program worker``.

``SITEWIRE_TEST_TRAP`` is the trap's file. ``SITEWIRE_TEST_CONSTANTS`` makes constants of the product shorter, such as
``sitewire.workers:LEASE=1.5``: in every module from there on that has the name. ``SITEWIRE_TEST_BREAK`` takes a
guard out (``guards.BROKEN``).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sitewire.deploy.cli.main import main
from sitewire.workers import point
from support.checker.guards import BROKEN
from support.checker.modules import set_everywhere
from support.checker.trap import Trap


def shorten(text: str) -> None:
    """Set the constants that ``SITEWIRE_TEST_CONSTANTS`` names.

    Raises:
        LookupError: the product has no such constant: it has another name by now.
    """
    for item in text.split():
        where, _, setting = item.partition(":")
        name, _, value = setting.partition("=")
        set_everywhere(where, name, float(value))


if __name__ == "__main__":
    if path := os.environ.get("SITEWIRE_TEST_TRAP"):
        point.install(Trap(Path(path)).spring)
    shorten(os.environ.get("SITEWIRE_TEST_CONSTANTS", ""))
    if guard := os.environ.get("SITEWIRE_TEST_BREAK"):
        BROKEN[guard]()
    sys.exit(main())
