"""What a trainer asks ``init`` for: its arguments, over ``settings``, over the environment.

Of the environment, ``SITEWIRE_*`` wins over the original's ``WANDB_*``. As everywhere beside a trainer, an
argument that cannot be used raises before any training, and a variable that cannot be used is told and left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sitewire.collectors.lifecycle import tell
from sitewire.collectors.wandb.errors import UsageError

MAX_TAG_CHARACTERS: Final = 64
MAX_PROJECT_CHARACTERS: Final = 128

_MODES: Final = ("online", "offline", "shared", "disabled", "dryrun", "run")
_REINITS: Final = (True, False, "default", "return_previous", "finish_previous", "create_new")
_RESUMES: Final = (True, False, "allow", "never", "must", "auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for; ``None`` leaves it to the run.

    Attributes:
        id: of the run; it is that run, of this process or another.
        dir: where ``run.dir`` is made, if a trainer asks for it.
        tags: labels, in their order.
        mode: as the original names it; anything but ``disabled`` makes no difference here.
        reinit: what becomes of a run that is active.
    """

    entity: str | None
    project: str | None
    dir: str | None
    id: str | None
    name: str | None
    notes: str | None
    tags: tuple[str, ...]
    group: str | None
    job_type: str | None
    mode: str
    reinit: bool | str
    resume: bool | str | None
    resume_from: str | None
    fork_from: str | None


def settle(arguments: Mapping[str, object]) -> Request:
    """Settle what is asked for.

    Args:
        arguments: of ``init``, by name, ``settings`` among them.

    Raises:
        UsageError: one of them is unusable.
    """
    settings = _settings(arguments.get("settings"))
    found: dict[str, Any] = {field: _find(field, source, arguments, settings) for field, source in _SOURCES.items()}
    if sum(found[name] is not None for name in ("resume", "resume_from", "fork_from")) > 1:
        msg = "`fork_from`, `resume`, or `resume_from` are mutually exclusive. Please specify only one of them."
        raise UsageError(msg)
    # The point in a run names the run, too, if nothing else does.
    found["id"] = found["id"] or (found["resume_from"] or "").partition("?")[0] or None
    found["mode"] = found["mode"] or "online"
    found["reinit"] = "default" if found["reinit"] is None else found["reinit"]
    found["tags"] = found["tags"] or ()
    return Request(**found)


def checked_tags(tags: object) -> tuple[str, ...]:
    """Return labels; one text is one label.

    Raises:
        ValueError: they are not texts of 1 to 64 characters.
    """
    found = (tags,) if isinstance(tags, str) else tuple(tags) if isinstance(tags, Iterable) else (None,)
    for tag in found:
        if not isinstance(tag, str) or not 0 < len(tag) <= MAX_TAG_CHARACTERS:
            msg = f"a tag is text of 1 to {MAX_TAG_CHARACTERS} characters: {tag!r:.80}"
            raise ValueError(msg)
    return tuple(str(tag) for tag in found)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a field may come from.

    Attributes:
        setting: its name in ``settings``.
        variable: the original's; empty if it has none.
        parse: raises ``ValueError``.
        ours: our variable for it; where that is set, the original's is not read.
    """

    setting: str
    variable: str
    parse: Callable[[Any], object]
    ours: str = ""


def _find(field: str, source: _Source, arguments: Mapping[str, object], settings: Mapping[str, object]) -> Any:  # noqa: ANN401  each field has its type
    for said in (arguments.get(field), settings.get(source.setting)):
        if said is not None:
            try:
                return source.parse(said)
            except ValueError as error:
                msg = f"{field}: {error}"
                raise UsageError(msg) from error
    variable = os.environ.get(source.variable, "")
    if not variable or source.ours in os.environ:
        return None
    try:
        return source.parse(variable.split(",") if field == "tags" else variable)
    except ValueError as error:
        tell(f"{source.variable}: {error}; it is left out")
        return None


def _settings(settings: object) -> Mapping[str, object]:
    if settings is None:
        return {}
    return settings if isinstance(settings, Mapping) else vars(settings)


def _text(raw: object) -> str | None:
    if not isinstance(raw, (str, os.PathLike)):
        msg = f"not text: {raw!r:.80}"
        raise ValueError(msg)  # noqa: TRY004  one type for all that is wrong with an argument
    return os.fspath(raw) or None


def _without(forbidden: str, characters: int) -> Callable[[object], str | None]:
    def parse(raw: object) -> str | None:
        text = _text(raw)
        wrong = [character for character in text or "" if character in forbidden]
        if wrong or len(text or "") > characters:
            msg = f"at most {characters} characters, none of {forbidden}: {text!r:.80}"
            raise ValueError(msg)
        return text

    return parse


def _run(raw: object) -> str:
    text = _without(":;,#?/", 64)(raw)
    if not text:
        msg = "Run ID cannot be empty"
        raise ValueError(msg)
    return text


def _one_of(allowed: tuple[object, ...]) -> Callable[[object], object]:
    def parse(raw: object) -> object:
        if raw not in allowed:
            msg = f"not one of {', '.join(map(repr, allowed))}: {raw!r:.80}"
            raise ValueError(msg)
        return raw

    return parse


def _moment(raw: object) -> str:
    run, found, step = str(raw).partition("?_step=")
    if not run or not found or not step.isdigit():
        msg = f"a point in a run is <run>?_step=<step>: {raw!r:.80}"
        raise ValueError(msg)
    return str(raw)


_SOURCES: Final[Mapping[str, _Source]] = {
    "entity": _Source("entity", "WANDB_ENTITY", _text),
    "project": _Source("project", "WANDB_PROJECT", _without("/\\#?%:", MAX_PROJECT_CHARACTERS), "SITEWIRE_EXPERIMENT"),
    "dir": _Source("root_dir", "WANDB_DIR", _text),
    "id": _Source("run_id", "WANDB_RUN_ID", _run, "SITEWIRE_RUN"),
    "name": _Source("run_name", "WANDB_NAME", _text, "SITEWIRE_NAME"),
    "notes": _Source("run_notes", "WANDB_NOTES", _text),
    "tags": _Source("run_tags", "WANDB_TAGS", checked_tags),
    "group": _Source("run_group", "WANDB_RUN_GROUP", _text, "SITEWIRE_GROUP"),
    "job_type": _Source("run_job_type", "WANDB_JOB_TYPE", _text),
    "mode": _Source("mode", "WANDB_MODE", _one_of(_MODES)),
    "reinit": _Source("reinit", "WANDB_REINIT", _one_of(_REINITS)),
    "resume": _Source("resume", "WANDB_RESUME", _one_of(_RESUMES)),
    "resume_from": _Source("resume_from", "", _moment),
    "fork_from": _Source("fork_from", "", _moment),
}
