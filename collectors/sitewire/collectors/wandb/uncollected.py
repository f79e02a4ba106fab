"""What the original's ``Run`` has and ours does not collect: counted, logged once a name, never an error.

The signatures are the originals', so that a wrong call is found here as it is there.
"""

# ruff: noqa: ARG002, FBT001, FBT002  signatures of the original, of whose arguments nothing can be used

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from os import PathLike
from typing import Any, TypeAlias

from sitewire.collectors.refusals import Reason
from sitewire.collectors.run import Run
from sitewire.collectors.wandb.stand_ins import AlertLevel, Artifact, StandIn

_Path: TypeAlias = str | PathLike[str]
_Chooses: TypeAlias = Callable[[str, str], bool] | Callable[[str], bool]


def _any_file(_path: str) -> bool:
    return True


class Uncollected:
    """The methods that take what the original takes and refuse it, visibly."""

    _run: Run

    def _refuse(self, what: str) -> None:
        self._run.refuse(Reason.NOT_COLLECTED, f"{what} is not collected yet", once=what)

    def alert(
        self,
        title: str,
        text: str,
        level: str | AlertLevel | None = None,
        wait_duration: float | timedelta | None = None,
    ) -> None:
        """Refuse an alert."""
        self._refuse("alert")

    def display(self, height: int = 420, hidden: bool = False) -> bool:
        """Show nothing: there is no page of W&B."""
        return False

    def to_html(self, height: int = 420, hidden: bool = False) -> str:
        """Return nothing to show, likewise."""
        return ""

    def finish_artifact(
        self,
        artifact_or_path: Artifact | str,
        name: str | None = None,
        type: str | None = None,  # noqa: A002  the original's
        aliases: list[str] | None = None,
        distributed_id: str | None = None,
    ) -> Artifact:
        """Refuse an artifact."""
        self._refuse("finish_artifact")
        return Artifact()

    def link_artifact(self, artifact: Artifact, target_path: str, aliases: list[str] | None = None) -> Artifact:
        """Refuse an artifact."""
        self._refuse("link_artifact")
        return Artifact()

    def link_model(
        self, path: _Path, registered_model_name: str, name: str | None = None, aliases: list[str] | None = None
    ) -> Artifact | None:
        """Refuse a model."""
        self._refuse("link_model")
        return None

    def log_artifact(
        self,
        artifact_or_path: Artifact | _Path,
        name: str | None = None,
        type: str | None = None,  # noqa: A002  the original's
        aliases: list[str] | None = None,
        tags: list[str] | None = None,
    ) -> Artifact:
        """Refuse an artifact."""
        self._refuse("log_artifact")
        return Artifact()

    def log_code(
        self,
        root: str | None = ".",
        name: str | None = None,
        include_fn: _Chooses = _any_file,
        exclude_fn: _Chooses = _any_file,
    ) -> Artifact | None:
        """Refuse code."""
        self._refuse("log_code")
        return None

    def log_model(self, path: _Path, name: str | None = None, aliases: list[str] | None = None) -> None:
        """Refuse a model."""
        self._refuse("log_model")

    def mark_preempting(self) -> None:
        """Refuse to tell a server that the machine is about to be taken."""
        self._refuse("mark_preempting")

    def pin_config_keys(self, keys: Sequence[str] = ()) -> None:
        """Refuse to arrange a page."""
        self._refuse("pin_config_keys")

    def restore(self, name: str, run_path: str | None = None, replace: bool = False, root: str | None = None) -> None:
        """Refuse to fetch a file: there is no server to ask."""
        self._refuse("restore")

    def save(
        self,
        glob_str: _Path,
        base_path: _Path | None = None,
        policy: str = "live",
        glob: bool = True,
    ) -> bool | list[str]:
        """Refuse files."""
        self._refuse("save")
        return []

    def status(self) -> Any:  # noqa: ANN401  of the original's type, which there is not
        """Return a stand-in: nothing is synchronized from here; ``sitewire runs`` shows what has arrived."""
        return StandIn()

    def unwatch(self, models: object = None) -> None:
        """Do nothing, since nothing is watched."""

    def upsert_artifact(
        self,
        artifact_or_path: Artifact | str,
        name: str | None = None,
        type: str | None = None,  # noqa: A002  the original's
        aliases: list[str] | None = None,
        distributed_id: str | None = None,
    ) -> Artifact:
        """Refuse an artifact."""
        self._refuse("upsert_artifact")
        return Artifact()

    def use_artifact(
        self,
        artifact_or_name: str | Artifact,
        type: str | None = None,  # noqa: A002  the original's
        aliases: list[str] | None = None,
        use_as: str | None = None,
    ) -> Artifact:
        """Refuse to fetch an artifact: there is no server to ask."""
        self._refuse("use_artifact")
        return Artifact()

    def use_model(self, name: str) -> Any:  # noqa: ANN401  the path of a file that there is not
        """Refuse to fetch a model, likewise."""
        self._refuse("use_model")
        return StandIn()

    def watch(
        self,
        models: object,
        criterion: object = None,
        log: str | None = "gradients",
        log_freq: int = 1000,
        idx: int | None = None,
        log_graph: bool = False,
    ) -> None:
        """Refuse histograms of gradients and parameters."""
        self._refuse("watch")

    def write_logs(self, text: str) -> None:
        """Refuse lines of a console."""
        self._refuse("write_logs")
