"""Names and methods of the product, set from outside."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any


def set_everywhere(where: str, name: str, value: object) -> None:
    """Set a name in a module and in those below it; whoever has imported it from there has it too.

    Raises:
        LookupError: none of them has the name.
    """
    found = [module for module in _modules(where) if name in vars(module)]
    if not found:
        msg = f"no {name} in {where} or below"
        raise LookupError(msg)
    for module in found:
        setattr(module, name, value)


def set_method(kind: type[Any], name: str, method: Callable[..., Any]) -> None:
    """Set a method of a class.

    Raises:
        LookupError: it has none of this name.
    """
    if not hasattr(kind, name):
        msg = f"{kind.__name__} has no {name}"
        raise LookupError(msg)
    setattr(kind, name, method)


def _modules(where: str) -> Iterator[ModuleType]:
    module = importlib.import_module(where)
    yield module
    for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{where}."):
        if ".testing" not in found.name:  # needs pytest, and no process of the product imports it
            yield importlib.import_module(found.name)
