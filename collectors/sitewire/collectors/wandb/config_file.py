"""What ``config`` may be: a dictionary, an object with attributes, or the name of a YAML file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from sitewire.collectors.wandb.before_init import BeforeInit
from sitewire.collectors.wandb.errors import ConfigError, UsageError

DEFAULTS: Final = "config-defaults.yaml"
"""Read from the current directory, if it is there, when a run begins: so the original has it."""


def parse_config(
    params: object, exclude: Iterable[str] | None = None, include: Iterable[str] | None = None
) -> dict[str, object]:
    """Return a config by its names, as ``wandb.helper.parse_config`` does.

    Args:
        params: a mapping, a namespace of argparse or any object with attributes, flags of absl, or the path of a file.
        exclude: names to leave out.
        include: names to keep, the others are left out.

    Raises:
        UsageError: both are given.
        ConfigError: the file is not there or cannot be read.
        TypeError: nothing of that kind.
    """
    if exclude and include:
        msg = "Expected at most only one of exclude or include"
        raise UsageError(msg)
    found = read(Path(params)) if isinstance(params, str) else _by_name(params)
    kept, dropped = set(include or found), set(exclude or ())
    return {name: value for name, value in found.items() if name in kept and name not in dropped}


def defaults() -> dict[str, object]:
    """Return what the file of defaults in the current directory says, nothing if there is none.

    Raises:
        ConfigError: it cannot be read.
    """
    path = Path(DEFAULTS)
    return read(path) if path.exists() else {}


def read(path: Path) -> dict[str, object]:
    """Read W&B's form of a config file: ``name: {value: ..., desc: ...}``.

    Raises:
        ConfigError: it is not there, cannot be read, or has another form.
    """
    try:
        loaded = _yaml(path.read_text("utf-8"))
        return {str(name): item["value"] for name, item in loaded.items() if name != "wandb_version"}
    except ImportError as error:
        msg = f"config file {path}: reading it needs PyYAML, as the original does: pip install pyyaml"
        raise ConfigError(msg) from error
    except FileNotFoundError as error:
        msg = f"config file {path} doesn't exist"
        raise ConfigError(msg) from error
    except Exception as error:  # each wrong file fails with an error of its own: of the disk, of YAML, of the form
        msg = f"config file {path} cannot be read: {type(error).__name__}: {error}"
        raise ConfigError(msg) from error


def _yaml(text: str) -> Mapping[object, Mapping[str, object]]:
    # Nothing else here needs it, and the trainers that give a file have it.
    loaded: Mapping[object, Mapping[str, object]] = import_module("yaml").safe_load(text) or {}
    return loaded


def _by_name(params: Any) -> dict[str, object]:  # noqa: ANN401  looked at here
    if isinstance(params, BeforeInit):
        return {}
    if isinstance(params, Mapping) or (hasattr(params, "keys") and hasattr(params, "__getitem__")):
        return dict(params)  # a Config among them
    flags = getattr(params, "FLAGS", params)  # the module of absl, or what it is about
    if type(flags).__module__ == "absl.flags._flagvalues":
        return {name: flags[name].value for name in dir(flags)}
    if not hasattr(params, "__dict__"):
        msg = "config must be a dict or have a __dict__ attribute."
        raise TypeError(msg)
    return dict(vars(params))
