"""What the original returns when it logs in the background. Here a record is safe when its call returns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final


class RunOperations:
    """Something to wait for that has happened already."""

    def __init__(self, operation_futures: Sequence[object] | None = None) -> None:
        self._operation_futures = list(operation_futures or [])

    def wait(self) -> None:
        """Return at once: the record is in the spool."""


DONE: Final = RunOperations()

_ASYNCHRONOUS: Final = os.environ.get("MLFLOW_ENABLE_ASYNC_LOGGING", "").lower() in ("true", "1")


def outcome(synchronous: object) -> RunOperations | None:
    """Return what a call returns: something to wait for, if it was asked to log in the background."""
    if synchronous is None:
        return DONE if _ASYNCHRONOUS else None
    return None if synchronous is True else DONE


def flush_async_logging() -> None:
    """Do nothing: see ``RunOperations``."""


def flush_artifact_async_logging() -> None:
    """Do nothing: see ``RunOperations``."""
