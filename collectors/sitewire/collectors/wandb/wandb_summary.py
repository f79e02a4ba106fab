"""``run.summary``: figures of the whole run. What is set is recorded; metrics' last values can be read here too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sitewire.collectors.refusals import Reason, describe
from sitewire.collectors.run import Run
from sitewire.collectors.wandb.friendly import friendly
from sitewire.collectors.wandb.row import leaves
from sitewire.collectors.wandb.stand_ins import StandIn

_MAX_KNOWN_NAMES: Final = 10_000
"""Metrics whose last values are kept for reading: a program that makes up names must not fill the memory."""


class Summary:
    """A dictionary whose items are attributes too; dictionaries inside it are such summaries.

    Args:
        run: where figures go.
        items: what it holds so far.
        above: the name of the dictionary that this one is, with a dot behind it.
    """

    def __init__(self, run: Run, items: dict[str, Any] | None = None, above: str = "") -> None:
        object.__setattr__(self, "_run", run)
        object.__setattr__(self, "_items", {} if items is None else items)
        object.__setattr__(self, "_above", above)

    def keys(self) -> list[str]:
        """Return the names."""
        return list(self._items)

    def get(self, key: str, default: object = None) -> Any:  # noqa: ANN401  programs compute with what they get
        """Return a value, or the default."""
        return self._items.get(key, default)

    def update(self, d: Mapping[str, object]) -> None:
        """Set values by name; each becomes a figure of the run."""
        for name, value in dict(d).items():
            self._items[name] = value if isinstance(value, float) else friendly(value)
            self._record(f"{self._above}{name}", value)

    def note(self, data: Mapping[str, object]) -> None:
        """Keep the last values of metrics, to be read here alone: each tracker has its own."""
        if len(self._items) < _MAX_KNOWN_NAMES:
            self._items.update(data)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401  likewise
        item = self._items[key]
        return Summary(self._run, item, f"{self._above}{key}.") if isinstance(item, dict) else item

    def __getattr__(self, key: str) -> Any:  # noqa: ANN401  likewise
        if key.startswith("_"):
            raise AttributeError(key)  # protocols, and one that is being unpickled and holds nothing yet
        return self[key]  # a KeyError if there is none: the original's

    def __setitem__(self, key: str, val: object) -> None:
        self.update({key: val})

    def __setattr__(self, key: str, val: object) -> None:
        self[key] = val

    def __delitem__(self, key: str) -> None:
        self._items.pop(key, None)
        self._run.refuse(Reason.NOT_COLLECTED, f"del summary[{key!r}]: what was recorded stays", once="del summary")

    def __delattr__(self, key: str) -> None:
        del self[key]

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __repr__(self) -> str:
        return str(self._items)

    def _as_dict(self) -> dict[str, Any]:
        items: dict[str, Any] = self._items  # the original's name, which some programs use
        return items

    def _record(self, whole: str, value: object) -> None:
        for name, item in leaves({whole: value}):
            if isinstance(item, StandIn):
                self._run.refuse(
                    Reason.NOT_COLLECTED, f"summary: {describe(item)} is not collected yet", once="summary"
                )
            else:
                self._run.log_summary(str(name), item)
