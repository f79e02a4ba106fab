"""``run.config``: what a run was started with. Each value that is set becomes a param of the run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from sitewire.collectors.refusals import Reason, describe
from sitewire.collectors.run import Run
from sitewire.collectors.wandb.config_file import parse_config
from sitewire.collectors.wandb.errors import ConfigError
from sitewire.collectors.wandb.friendly import friendly
from sitewire.collectors.wandb.row import leaves
from sitewire.collectors.wandb.stand_ins import StandIn


class Config:
    """A dictionary whose items are attributes too: ``config.rate`` is ``config["rate"]``.

    Args:
        run: where params go; none, and nothing goes anywhere.
    """

    _run: Run | None
    _items: dict[str, Any]

    def __init__(self, run: Run | None = None) -> None:
        object.__setattr__(self, "_run", run)
        object.__setattr__(self, "_items", {})

    def keys(self) -> list[str]:
        """Return the names."""
        return [name for name in self._items if not name.startswith("_")]

    def items(self) -> list[tuple[str, Any]]:
        """Return names and values."""
        return [(name, self._items[name]) for name in self.keys()]

    def as_dict(self) -> dict[str, Any]:
        """Return a dictionary of its own."""
        return dict(self._items)

    def get(self, *args: Any) -> Any:  # noqa: ANN401  programs compute with what they get
        """Return a value, or the second argument, which is ``None`` by default."""
        return self._items.get(*args)

    def update(self, d: object, allow_val_change: bool | None = None) -> None:  # noqa: FBT001  the original's
        """Set what the argument says: a dictionary, a namespace, or the path of a file.

        Args:
            d: see ``parse_config``.
            allow_val_change: whether a value may be another than before; by default only in a notebook.

        Raises:
            ConfigError: a value is another than before, or the file cannot be read. Nothing is set then.
            TypeError: nothing that has values by name.
        """
        self._set(parse_config(d), allow_val_change)

    def setdefaults(self, d: object) -> None:
        """Set what is not set yet.

        Raises:
            ConfigError: the file cannot be read.
            TypeError: nothing that has values by name.
        """
        self._set({name: value for name, value in parse_config(d).items() if name not in self._items}, None)

    def persist(self) -> None:
        """Do nothing: each value was recorded when it was set."""

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401  likewise
        return self._items[key]

    def __setitem__(self, key: str, val: object) -> None:
        self._set({key: val}, None)

    def __setattr__(self, key: str, val: object) -> None:
        self[key] = val

    def __getattr__(self, key: str) -> Any:  # noqa: ANN401  likewise
        if key.startswith("__") or key in ("_run", "_items"):
            raise AttributeError(key)  # asked of one that is being unpickled, and holds nothing yet
        try:
            return self._items[key]
        except KeyError:
            msg = f"{type(self)!r} object has no attribute {key!r}"
            raise AttributeError(msg) from None

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __repr__(self) -> str:
        return str(dict(self.items()))

    def _set(self, values: Mapping[str, object], allow_val_change: bool | None) -> None:  # noqa: FBT001  likewise
        allowed = in_notebook() if allow_val_change is None else allow_val_change
        # The original takes dashes off a name, as argparse and absl put them there.
        pairs = [(str(name).strip("-"), friendly(value)) for name, value in values.items()]
        for name, value in pairs:
            if not allowed and name in self._items and self._items[name] != value:
                msg = (
                    f"Attempted to change value of key {name!r} from {self._items[name]} to {value}\n"
                    "If you really want to do this, pass allow_val_change=True to config.update()"
                )
                raise ConfigError(msg)
        self._items.update(pairs)
        if self._run is not None:
            _record(self._run, dict(pairs))


class ConfigStatic:
    """A config that cannot be changed.

    Args:
        config: what it holds.
    """

    def __init__(self, config: Config) -> None:
        self.__dict__.update(config.as_dict())

    def keys(self) -> list[str]:
        """Return the names."""
        return list(self.__dict__)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401  likewise
        return self.__dict__[key]

    def __getattr__(self, key: str) -> Any:  # noqa: ANN401  likewise
        raise AttributeError(key)

    def __setattr__(self, name: str, value: object) -> None:
        msg = "Error: run.config_static is a readonly object"
        raise AttributeError(msg)

    def __setitem__(self, key: str, val: object) -> None:
        setattr(self, key, val)

    def __str__(self) -> str:
        return str(self.__dict__)


def in_notebook() -> bool:
    """Whether this is IPython or Jupyter: the original is less strict there."""
    ipython = sys.modules.get("IPython")
    shell = getattr(ipython, "get_ipython", None)
    return callable(shell) and shell() is not None


def _record(run: Run, values: Mapping[str, object]) -> None:
    params: dict[str, object] = {}
    for name, value in leaves(values):
        if isinstance(value, StandIn):
            run.refuse(Reason.NOT_COLLECTED, f"config[{name!r}]: {describe(value)} is not collected yet", once="config")
        elif name != "_wandb":
            params[str(name)] = value
    run.log_params(params)
