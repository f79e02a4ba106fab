"""What is to be seen of a run beside its rows, as the client is told: all of it with each segment, and what is new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sitewire.schemas.ending import EndingState
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.wandb.batch import Batch
from sitewire.workers.sinks.wandb.keys import STEP
from sitewire.workers.sinks.wandb.layout import project_of
from sitewire.workers.sinks.wandb.records import INDEX, OURS, Shown

_AXIS: Final = {"step_metric": STEP, "step_sync": False}
"""``step_sync`` would put the last step into rows that have none, or another axis."""

_FIXED: Final = ("group", "job_type")
"""The client takes these only when it opens a segment."""


class Appearance:
    """Name, tags, config and definitions of one run.

    Attributes:
        nothing: the arguments of ``Operation.WRITE`` beside rows and summary, if nothing is new.
    """

    nothing: Final[Mapping[str, Any]] = {"info": {}, "tags": [], "config": {}, "definitions": {}}

    def __init__(self, key: RunKey, experiment: str) -> None:
        self._shown = Shown()
        self._shown.info.update(name=key.site, group=key.run, project=project_of(experiment))
        self._shown.config[OURS] = {"site": key.site, "run": key.run}
        self._shown.definitions.update({"*": _AXIS, INDEX: {"hidden": True, "summary": "none"}})

    @property
    def state(self) -> EndingState:
        """How the run stands, as it was said last."""
        return EndingState(self._ours.get("state", EndingState.RUNNING))

    def says(self, said: Mapping[str, Any]) -> bool:
        """Whether our part of the config says that already."""
        return all(self._ours.get(name) == value for name, value in said.items())

    def recover(self, shown: Shown) -> None:
        """Take what the files show."""
        self._shown.info.update({name: text for name, text in shown.info.items() if text})
        self._shown.tags = list(shown.tags)
        self._shown.config.update(shown.config)
        self._shown.definitions.update(shown.definitions)

    def needs_reopening(self, batch: Batch) -> bool:
        """Whether a batch changes what is said only when a segment is opened."""
        return any(batch.info.get(name, self._shown.info.get(name)) != self._shown.info.get(name) for name in _FIXED)

    def take(self, batch: Batch) -> Mapping[str, Any]:
        """Take what a batch shows beside its rows; return what of it the client has to be told."""
        shown = self._shown
        tags = list(dict.fromkeys((*shown.tags, *batch.tags)))
        news: dict[str, Any] = {
            "info": {name: text for name, text in batch.info.items() if name not in _FIXED},
            "tags": tags if tags != shown.tags else [],
            "config": batch.config | ({OURS: self._ours | batch.ours} if batch.ours else {}),
            "definitions": self._definitions(batch),
        }
        shown.info.update(batch.info)
        shown.tags = tags
        shown.config.update(news["config"])
        shown.definitions.update(news["definitions"])
        return news

    def whole(self, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return all that is known, as the arguments of ``Operation.OPEN``.

        Args:
            summary: as the last segment has it: W&B takes a run's summary from its last segment alone.
        """
        shown = self._shown
        info = {name: text for name, text in shown.info.items() if name != "project"}
        return {
            "project": shown.info["project"],
            "info": info,
            "tags": shown.tags,
            "config": shown.config,
            "definitions": shown.definitions,
            "summary": summary,
        }

    @property
    def _ours(self) -> dict[str, Any]:
        ours: dict[str, Any] = self._shown.config[OURS]
        return ours

    def _definitions(self, batch: Batch) -> dict[str, dict[str, Any]]:
        """Return new definitions. What was said to be a summary is not overwritten by rows of the same name."""
        known = self._shown.definitions
        new = {name: _AXIS | how for name, how in batch.definitions.items()}
        for name in batch.summary:
            how = new.get(name) or known.get(name) or _AXIS
            if "summary" not in how and "*" not in name:
                new[name] = how | {"summary": "none"}
        return new
