"""What the functions raise that are no log calls. Named as the original's module, for programs catch it by that.

::

    CollectorError
    └── MlflowException      what the original refuses too: an experiment without a name, an id that is none, ...
        └── RunAlreadyActive a run is active in this thread, and the new one was not said to be nested
"""

from __future__ import annotations

from sitewire.collectors.errors import CollectorError


class MlflowException(CollectorError):
    """Base of what this folder raises.

    Attributes:
        message: the same as its ``str()``.
        error_code: the original's word for the kind of mistake.
    """

    def __init__(self, message: str, error_code: str = "INVALID_PARAMETER_VALUE") -> None:
        super().__init__(message)
        self.message = message
        self.error_code = error_code


class RunAlreadyActive(MlflowException):
    """``start_run`` in a thread where a run is active. The original raises a bare ``Exception`` here."""

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"Run with UUID {run_id} is already active. To start a new run, first end the current run with"
            " mlflow.end_run(). To start a nested run, call start_run with nested=True"
        )
