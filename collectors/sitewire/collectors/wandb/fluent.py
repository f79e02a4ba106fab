"""The module's functions: those of the current run, and those about the process."""

from __future__ import annotations

import functools
import logging
import secrets
import string
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from sitewire.collectors.lifecycle import tell
from sitewire.collectors.refusals import report
from sitewire.collectors.wandb import active
from sitewire.collectors.wandb.config_file import parse_config
from sitewire.collectors.wandb.errors import Error, UnsupportedError
from sitewire.collectors.wandb.stand_ins import StandIn
from sitewire.collectors.wandb.wandb_init import UNSET
from sitewire.collectors.wandb.wandb_run import Run


def log(data: Mapping[str, object], step: int | None = None, commit: bool | None = None) -> None:  # noqa: FBT001  the original's
    """Log a row of the current run; see ``Run.log``. Without a run it is told, once, and nothing is raised."""
    run = active.current()
    if run is None:
        tell("wandb.log() was called while there is no run: call wandb.init() before; nothing is collected")
    else:
        run.log(data, step, commit)


def finish(exit_code: int | None = None) -> None:
    """End the current run, if there is one."""
    run = active.current()
    if run is not None:
        run.finish(exit_code)


def login(  # noqa: PLR0913, PLR0917  the original's
    key: str | None = None,
    relogin: bool | None = None,  # noqa: FBT001  the original's
    host: str | None = None,
    force: bool | None = None,  # noqa: FBT001
    timeout: int | None = None,
    verify: bool = True,  # noqa: FBT001, FBT002
    referrer: str | None = None,
    prompt: bool = True,  # noqa: FBT001, FBT002
    anonymous: object = UNSET,
) -> bool:
    """Accept a login: there is nothing to log in to, and nothing that was passed is kept."""
    del key, relogin, host, force, timeout, verify, referrer, prompt, anonymous
    return True


def setup(settings: object = None) -> None:
    """Accept: there is nothing to set up."""
    del settings


def teardown(exit_code: int | None = None) -> None:
    """End every run that goes on."""
    for run in active.everything():
        run.finish(exit_code)


def termlog(string: str = "", *_how: object, **_more: object) -> None:
    """Log a message of the program's to the logger ``sitewire``."""
    report(string, logging.INFO)


def generate_id(length: int = 8) -> str:
    """Return an id that there has not been."""
    return "".join(secrets.choice(string.digits + string.ascii_lowercase) for _ in range(length))


def unsupported(name: str) -> Callable[..., NoReturn]:
    """Return a function of the original's that cannot be done here, nor passed over."""

    def call(*_args: object, **_kwargs: object) -> NoReturn:
        msg = f"wandb.{name} asks W&B's server, which there is none of here; import the original for it"
        raise UnsupportedError(msg)

    return call


def _of_run(name: str) -> Callable[..., object]:
    @functools.wraps(getattr(Run, name))
    def call(*args: object, **kwargs: object) -> object:
        run = active.current()
        if run is None:
            msg = f"You must call wandb.init() before wandb.{name}()"
            raise Error(msg)
        return getattr(run, name)(*args, **kwargs)

    return call


alert = _of_run("alert")
define_metric = _of_run("define_metric")
link_model = _of_run("link_model")
log_artifact = _of_run("log_artifact")
log_model = _of_run("log_model")
mark_preempting = _of_run("mark_preempting")
pin_config_keys = _of_run("pin_config_keys")
restore = _of_run("restore")
save = _of_run("save")
unwatch = _of_run("unwatch")
use_artifact = _of_run("use_artifact")
use_model = _of_run("use_model")
watch = _of_run("watch")

agent = unsupported("agent")
attach = unsupported("attach")
controller = unsupported("controller")
sweep = unsupported("sweep")
Api = unsupported("Api")


class _Helper(StandIn):
    """``wandb.helper``."""

    parse_config = staticmethod(parse_config)


class _Util(StandIn):
    """``wandb.util``: what programs use of it."""

    generate_id = staticmethod(generate_id)


helper: Final = _Helper()
util: Final = _Util()
