"""``wandb`` with the syntax of W&B's client 0.31, over runs of ours.

    from sitewire.collectors import wandb

is the only line of a trainer that changes. Lives here: ``init`` and what it is asked for, ``Run`` with its config,
summary and definitions (``wandb_*``), the rows that ``log`` writes and their steps, the module's functions
(``fluent``), and stand-ins for what is not collected. May be changed here: anything, as long as the signatures are the
original's, ``log`` raises nothing, and everything goes through ``sitewire.collectors.run.Run``. May import: the
standard library and ``sitewire.collectors``; never the original.

No module here may have a name of the original's that is no module there (``run``, ``config``, ``log``, ...): it would
be an attribute of this package.
"""

from __future__ import annotations

from typing import Any, Final

from sitewire.collectors.lifecycle import tell
from sitewire.collectors.wandb import active as _active
from sitewire.collectors.wandb import errors
from sitewire.collectors.wandb.before_init import BeforeInit as _BeforeInit
from sitewire.collectors.wandb.errors import CommError, Error, UsageError
from sitewire.collectors.wandb.fluent import (
    Api,
    agent,
    alert,
    attach,
    controller,
    define_metric,
    finish,
    helper,
    link_model,
    log,
    log_artifact,
    log_model,
    login,
    mark_preempting,
    pin_config_keys,
    restore,
    save,
    setup,
    sweep,
    teardown,
    termlog,
    unwatch,
    use_artifact,
    use_model,
    util,
    watch,
)
from sitewire.collectors.wandb.stand_ins import (
    AlertLevel,
    Artifact,
    ArtifactTTL,
    Audio,
    Classes,
    EvalTable,
    Graph,
    Histogram,
    Html,
    Image,
    JoinedTable,
    Molecule,
    Object3D,
    Plotly,
    Settings,
    StandIn,
    Table,
    Video,
)
from sitewire.collectors.wandb.wandb_config import Config
from sitewire.collectors.wandb.wandb_init import init
from sitewire.collectors.wandb.wandb_run import Run
from sitewire.collectors.wandb.wandb_summary import Summary

__version__: Final = "0.31.0"
"""The original's whose syntax this is: programs look at it before they use what is new."""

run: Run | None
config: Config
summary: Summary

join = finish
termwarn = termerror = termsetup = termlog
box3d = Object3D

_OTHERS: Final = (
    "agents analytics annotations api apis catboost data_types ensure_configured env gym integration jupyter keras "
    "lightgbm patched plot plot_table profiler proto require sacred sagemaker_auth sdk sklearn tensorboard tensorflow "
    "trigger visualize wandb wandb_agent wandb_lib wandb_sdk wandb_torch xgboost"
)
"""What else the original's module has: there, and not collected."""

_STAND_INS: Final = frozenset(_OTHERS.split())


def __getattr__(name: str) -> Any:  # noqa: ANN401  whatever it is to be used for
    """Return what is the current run's, or stands for what the original has."""
    current = _active.current()
    if name == "run":
        return current
    if name in ("config", "summary"):
        return _BeforeInit(f"wandb.{name}") if current is None else getattr(current, name)
    if name in _STAND_INS:
        tell(f"wandb.{name} is not collected yet")
        return StandIn()
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


__all__ = [
    "AlertLevel",
    "Api",
    "Artifact",
    "ArtifactTTL",
    "Audio",
    "Classes",
    "CommError",
    "Config",
    "Error",
    "EvalTable",
    "Graph",
    "Histogram",
    "Html",
    "Image",
    "JoinedTable",
    "Molecule",
    "Object3D",
    "Plotly",
    "Run",
    "Settings",
    "Table",
    "UsageError",
    "Video",
    "__version__",
    "agent",
    "alert",
    "attach",
    "box3d",
    "controller",
    "define_metric",
    "errors",
    "finish",
    "helper",
    "init",
    "join",
    "link_model",
    "log",
    "log_artifact",
    "log_model",
    "login",
    "mark_preempting",
    "pin_config_keys",
    "restore",
    "save",
    "setup",
    "sweep",
    "teardown",
    "termerror",
    "termlog",
    "termsetup",
    "termwarn",
    "unwatch",
    "use_artifact",
    "use_model",
    "util",
    "watch",
]
