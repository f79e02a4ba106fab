"""The product's command in a process that can be trapped: ``python -m support.checker.program worker``.

``SITEWIRE_TEST_TRAP`` is the trap's file. ``SITEWIRE_TEST_CONSTANTS`` makes constants of the product shorter, such as
``sitewire.workers:LEASE=1.5``: in every module from there on that has the name. ``SITEWIRE_TEST_BREAK`` takes a
guard out (``guards.BROKEN``).
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from sitewire.deploy.cli.main import main
from sitewire.workers import point
from support.checker.guards import BROKEN
from support.checker.trap import Trap


def shorten(text: str) -> None:
    """Set the constants that ``SITEWIRE_TEST_CONSTANTS`` names.

    Raises:
        LookupError: no module has one of the names: the product has another by now.
    """
    for item in text.split():
        where, _, setting = item.partition(":")
        name, _, value = setting.partition("=")
        found = [module for module in _modules(where) if name in vars(module)]
        if not found:
            raise LookupError(item)
        for module in found:
            setattr(module, name, float(value))


def _modules(where: str) -> Iterator[ModuleType]:
    module = importlib.import_module(where)
    yield module
    for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{where}."):
        if ".testing" not in found.name:
            yield importlib.import_module(found.name)


if __name__ == "__main__":
    if path := os.environ.get("SITEWIRE_TEST_TRAP"):
        point.install(Trap(Path(path)).spring)
    shorten(os.environ.get("SITEWIRE_TEST_CONSTANTS", ""))
    if guard := os.environ.get("SITEWIRE_TEST_BREAK"):
        BROKEN[guard]()
    sys.exit(main())
