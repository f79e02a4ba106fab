"""How a run stands, in MLflow's own words, and in a tag that says which attempt that was."""

from __future__ import annotations

import json
from typing import Final

from sitewire.schemas.ending import Ending, EndingState
from sitewire.workers.sinks.mlflow.forms import milliseconds

ENDING_TAG: Final = "sitewire.ending"

STATUS: Final = {
    EndingState.RUNNING: "RUNNING",
    EndingState.FINISHED: "FINISHED",
    EndingState.FAILED: "FAILED",
}


def end_time(ending: Ending) -> int | None:
    """Return when the run ended, in milliseconds since the epoch; None while it runs: MLflow keeps what is there."""
    return None if ending.state is EndingState.RUNNING else milliseconds(ending.time)


def encode_ending(ending: Ending) -> str:
    """Return the value of the tag: JSON, with the time in seconds since the epoch."""
    return json.dumps({"state": ending.state, "attempt": ending.attempt, "time": ending.time})
