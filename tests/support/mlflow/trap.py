"""Where an MLflow server dies, or fails: between two steps of a request."""

from __future__ import annotations

from pathlib import Path
from typing import Final

STEPS: Final = ("params", "in metrics", "metrics", "tags")
"""What has just happened in ``log_batch``: the params are stored, metrics are written and not committed, and so on.

After ``tags`` everything is stored, and the answer is lost. There is ``run`` too: a run is made, and nobody is told.
"""


class ServerTrap:
    """A trap that a server takes with it.

    Args:
        file: in which it is said what happens; both sides know it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")

    @property
    def variables(self) -> dict[str, str]:
        """The server's environment."""
        return {
            "PYTHONPATH": str(Path(__file__).parent / "trapped"),
            "SITEWIRE_TEST_MLFLOW_TRAP": str(self._file),
        }

    def kill_after(self, step: str) -> None:
        """Have the server die when it has next taken that step."""
        self._file.write_text(f"kill {step}")

    def fail_after(self, step: str) -> None:
        """Have the server answer with an error when it has next taken that step."""
        self._file.write_text(f"fail {step}")

    @property
    def armed(self) -> bool:
        """Whether nobody has got there yet."""
        return bool(self._file.read_text())
