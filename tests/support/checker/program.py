"""The product's command in a process that can be trapped: ``python -m support.checker.program worker``.

``SITEWIRE_TEST_TRAP`` is the trap's file; with ``SITEWIRE_TEST_INSIDE`` it can be set inside of MLflow's store too.
``SITEWIRE_TEST_CONSTANTS`` makes constants of the product shorter, such as ``sitewire.workers:LEASE=1.5``: in every
module from there on that has the name. ``SITEWIRE_TEST_BREAK`` takes a guard out (``guards.BROKEN``).
``SITEWIRE_TEST_REFUSE`` has the trackers refuse some points of a name.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sitewire.deploy.cli.main import main
from sitewire.workers import point
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


def change() -> None:
    """Make of this process what the environment says."""
    if path := os.environ.get("SITEWIRE_TEST_TRAP"):
        spring = Trap(Path(path)).spring
        point.install(spring)
        if os.environ.get("SITEWIRE_TEST_INSIDE"):
            from support.checker.inside import watch

            watch(spring)
    shorten(os.environ.get("SITEWIRE_TEST_CONSTANTS", ""))
    # Imported where they are wanted: they pull in every tracker, and most processes are as the product is.
    if guard := os.environ.get("SITEWIRE_TEST_BREAK"):
        from support.checker.guards import BROKEN

        BROKEN[guard]()
    if name := os.environ.get("SITEWIRE_TEST_REFUSE"):
        from support.checker.refusing import refuse

        refuse(name)


if __name__ == "__main__":
    change()
    sys.exit(main())
