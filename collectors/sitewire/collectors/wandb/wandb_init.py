"""``wandb.init``: which run it returns, and what it writes of what it was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Final, Literal

from sitewire.collectors.errors import SettingsInvalid
from sitewire.collectors.lifecycle import tell
from sitewire.collectors.process_runs import next_run
from sitewire.collectors.refusals import Reason
from sitewire.collectors.run import Run as OurRun
from sitewire.collectors.wandb import active
from sitewire.collectors.wandb.config_file import defaults, parse_config
from sitewire.collectors.wandb.errors import Error, UsageError
from sitewire.collectors.wandb.request import Request, settle
from sitewire.collectors.wandb.stand_ins import Settings
from sitewire.collectors.wandb.wandb_config import in_notebook
from sitewire.collectors.wandb.wandb_run import Run

UNSET: Final = object()
"""Default of an argument that the original has given up."""

_NOT_COLLECTED: Final[Mapping[str, str]] = {
    "save_code": "code",
    "tensorboard": "what TensorBoard's writers log (use sitewire.collectors.tensorboard)",
    "sync_tensorboard": "what TensorBoard's writers log (use sitewire.collectors.tensorboard)",
    "monitor_gym": "videos of an environment",
    "resume_from": "that a run goes on from an earlier point: what was logged behind it stays",
    "fork_from": "what the run that this one is forked from had logged",
}


def init(  # noqa: PLR0913, PLR0917  the original's
    entity: str | None = None,
    project: str | None = None,
    dir: str | PathLike[str] | None = None,  # noqa: A002  the original's
    id: str | None = None,  # noqa: A002
    name: str | None = None,
    notes: str | None = None,
    tags: Sequence[str] | None = None,
    config: object = None,
    config_exclude_keys: list[str] | None = None,
    config_include_keys: list[str] | None = None,
    allow_val_change: bool | None = None,  # noqa: FBT001  the original's
    group: str | None = None,
    job_type: str | None = None,
    mode: Literal["online", "offline", "disabled", "shared"] | None = None,
    force: bool | None = None,  # noqa: FBT001
    reinit: bool | Literal["default", "return_previous", "finish_previous", "create_new"] | None = None,  # noqa: FBT001
    resume: bool | Literal["allow", "never", "must", "auto"] | None = None,  # noqa: FBT001
    resume_from: str | None = None,
    fork_from: str | None = None,
    save_code: bool | None = None,  # noqa: FBT001
    tensorboard: bool | None = None,  # noqa: FBT001
    sync_tensorboard: bool | None = None,  # noqa: FBT001
    monitor_gym: bool | None = None,  # noqa: FBT001
    settings: Settings | Mapping[str, object] | None = None,
    anonymous: object = UNSET,
) -> Run:
    """Begin a run, or return the one that is active. Reads the environment; contacts nobody.

    Args:
        entity: kept as a name; a site is who its credentials say.
        project: the experiment.
        dir: where ``run.dir`` is made, if it is asked for.
        id: of the run: it is that run, whether or not there has been one. By default, the first run of a
            process is the process's run, the next ones are ``<that>-2``, ``-3``, ...
        name: what people call the run.
        notes: text about it.
        tags: labels.
        config: a dictionary, a namespace, or the path of a YAML file; its values are params.
        config_exclude_keys: names that are left out of it.
        config_include_keys: names that are kept of it, and no others.
        allow_val_change: accepted: nothing is set yet that could change.
        group: what the run is shown together with.
        job_type: what part of a job it is.
        mode: ``disabled`` logs nothing; the others are the same here.
        force: accepted: there is nothing to log in to.
        reinit: what becomes of a run that is active: by default it is returned (in a notebook, finished).
        resume: accepted: what an earlier attempt logged stays, and is not asked for.
        resume_from: names the run, if ``id`` does not; what was logged behind that point stays.
        fork_from: not collected.
        save_code: not collected.
        tensorboard: not collected.
        sync_tensorboard: not collected.
        monitor_gym: not collected.
        settings: may say what these arguments say, by the original's names.
        anonymous: accepted.

    Raises:
        UsageError: an argument is unusable.
        ConfigError: the file of the config is not there or cannot be read.
        TypeError: the config is nothing that has values by name.
        Error: a run must be resumed while another one is active.
    """
    arguments = dict(locals())
    request = settle(arguments)
    values = parse_config(config or {}, config_exclude_keys, config_include_keys)
    previous = None if request.mode == "disabled" else _previous(request)
    return previous or _begin(request, defaults() | values, arguments)


def _previous(request: Request) -> Run | None:
    """Return the run that goes on instead of a new one.

    Raises:
        Error: another run must be resumed.
    """
    latest = active.latest()
    if latest is None or request.reinit == "create_new":
        return None
    if request.reinit in (True, "finish_previous") or (request.reinit == "default" and in_notebook()):
        for run in active.everything():
            run.finish()
        return None
    if request.resume == "must":
        msg = (
            "Cannot resume a run while another run is active. You must either finish it using run.finish(),"
            " or use reinit='create_new' when calling wandb.init()."
        )
        raise Error(msg)
    tell(f"wandb.init() called while {latest.id!r} is active and reinit is {request.reinit!r}: it is returned")
    return latest


def _begin(request: Request, config: Mapping[str, object], arguments: Mapping[str, object]) -> Run:
    run = Run(_our_run(request), request)
    # What is said first is said of the run as it begins; then it is what the module's functions log to.
    for tag in request.tags:
        run._run.set_tag(tag, "")  # noqa: SLF001  made here
    run.config.update(config, allow_val_change=True)
    for argument, what in _NOT_COLLECTED.items():
        if arguments[argument]:
            run._run.refuse(Reason.NOT_COLLECTED, f"{argument}: {what}", once=argument)  # noqa: SLF001  likewise
    active.begin(run, current=run.disabled or request.reinit != "create_new")
    return run


def _our_run(request: Request) -> OurRun:
    disabled = request.mode == "disabled"
    try:
        return OurRun(
            request.id if disabled else next_run(request.id),
            experiment=request.project,
            name=request.name,
            group=request.group,
            job_type=request.job_type,
            notes=request.notes,
            disabled=True if disabled else None,
        )
    except SettingsInvalid as error:
        raise UsageError(str(error)) from error
