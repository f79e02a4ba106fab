"""Loaded by every Python that finds it: has an MLflow server die between two steps of ``log_batch``.

``SITEWIRE_TEST_MLFLOW_TRAP`` is a file. While it holds ``kill STEP``, the process that has just taken that step empties
the file and kills its whole group, which is the server alone. ``fail STEP`` has it answer with an error there.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import signal
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

STORE = "mlflow.store.tracking.sqlalchemy_store"
STEPS = {
    "params": "_log_params",
    "in metrics": "_update_latest_metrics_if_necessary",
    "metrics": "_log_metrics",
    "tags": "_set_tags",
    "run": "create_run",
}
TRAP = os.environ.get("SITEWIRE_TEST_MLFLOW_TRAP", "")


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != STORE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        run = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            run(module)
            for step, method in STEPS.items():
                _trap(module.SqlAlchemyStore, method, step)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # this one module's
        return spec


def _trap(store: Any, method: str, step: str) -> None:
    original = getattr(store, method)

    @functools.wraps(original)
    def trapped(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        how, _, where = Path(TRAP).read_text().partition(" ")
        if where == step:
            Path(TRAP).write_text("")
            if how == "kill":
                os.killpg(0, signal.SIGKILL)
            raise RuntimeError(step)
        return result

    setattr(store, method, trapped)


if TRAP:
    sys.meta_path.insert(0, _Finder())
