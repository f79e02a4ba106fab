"""What a trainer is told about where it is: arguments over ``SITEWIRE_*`` variables over defaults.

An unusable *argument* is a mistake in the program and raises where the run is made, before any
training. An unusable *variable* never raises: it is reported in words and replaced by its default.
Where no default can stand in for it (a record filed under a wrong site cannot be moved later),
sitewire is off, loudly.
"""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar, cast

from sitewire.collectors import parsers
from sitewire.collectors.errors import SettingsInvalid
from sitewire.collectors.parsers import Publish
from sitewire.collectors.spool.policy import DEFAULT_LIMIT_BYTES, Policy

PREFIX: Final = "SITEWIRE_"
DEFAULT_EXPERIMENT: Final = "default"
DEFAULT_SPOOL: Final = "~/.sitewire/spool"
DEFAULT_EXIT_TIMEOUT: Final = 5.0

OFF: Final = "sitewire is OFF, nothing is collected"
"""What an unusable site or run leads to."""

_DEFAULT_POLICY: Final[Policy] = "drop_oldest"
_DEFAULT_PUBLISH: Final[Publish] = "thread"

_T = TypeVar("_T")
_process_run: list[str] = []
"""The id made up for this process, once there is one; a forked child inherits it."""


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Settings:
    """Everything that a trainer can be told.

    Attributes:
        site: this site's name; its credentials decide in the end.
        run: the id that all sites of a job share.
        experiment: what the run belongs to.
        name: what people call the run; ``None`` leaves it to the tracker, as with the five that follow.
        parent: id of the run, at this site, that this one is nested in.
        group: what it is shown together with.
        job: the job that it was started by, as a scheduler calls it.
        job_type: what part of the job it is: ``train``, ``eval``, ...
        notes: text about it.
        url: the broker's, or ``None``: records wait in the spool. May hold a password.
        creds: a ``.creds`` or nkey seed file.
        ca: a PEM file with the authority of the server's certificate.
        spool: the directory of the spool, absolute.
        publish: ``thread`` of this process, or ``none`` of it, because a sidecar publishes.
        exit_timeout: seconds that the end of the program may take for what is not yet published.
        spool_bytes: bound of one writer's unpublished records.
        spool_policy: what happens at that bound.
        disabled: log calls do nothing.
        fresh: ``run`` was made up here, so people have to be told.
        off: why every log call is refused; ``None`` when there is a way to collect.
        problems: what was wrong with the environment, in words.
    """

    site: str
    run: str
    experiment: str
    name: str | None
    parent: str | None
    group: str | None
    job: str | None
    job_type: str | None
    notes: str | None
    url: str | None
    creds: Path | None
    ca: Path | None
    spool: Path
    publish: Publish
    exit_timeout: float
    spool_bytes: int
    spool_policy: Policy
    disabled: bool
    fresh: bool
    off: str | None
    problems: tuple[str, ...]

    @property
    def collects(self) -> bool:
        """Whether log calls have anywhere to go."""
        return not self.disabled and self.off is None

    @property
    def publishes(self) -> bool:
        """Whether a thread of this process is to publish."""
        return self.url is not None and self.publish == "thread"

    @property
    def published_to(self) -> str | None:
        """The broker that a thread of this process publishes to, its secrets masked; none if no thread does.

        Written beside the records: whoever finds them later sees whose they are to send.
        """
        return parsers.masked(self.url) if self.url is not None and self.publishes else None

    def __repr__(self) -> str:
        """Return the fields that matter, the URL's user and password masked."""
        shown = {name: getattr(self, name) for name in ("site", "run", "experiment", "creds", "ca", "spool", "off")}
        url = None if self.url is None else parsers.masked(self.url)
        return f"Settings(url={url!r}, {', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def resolve(arguments: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settle every setting. Reads the environment and the host name, writes nothing.

    Args:
        arguments: by the attribute's name; ``None`` stands for "not given".
        environ: the environment; this process's by default.

    Raises:
        SettingsInvalid: an argument is unusable.
    """
    source = _Source(arguments or {}, os.environ if environ is None else environ)
    run = source.read("run", parsers.name, None, instead=OFF)
    spool = source.read("spool", parsers.path, None, instead=f"using {DEFAULT_SPOOL}")
    return Settings(
        site=source.read("site", parsers.name, None, instead=OFF) or source.host_name(),
        run=run or _run_of_this_process(),
        experiment=source.read("experiment", parsers.experiment, DEFAULT_EXPERIMENT),
        name=source.read("name", parsers.label, None, instead="leaving the run's name to the tracker"),
        parent=source.argument("parent", parsers.run_or_none),
        group=source.read("group", parsers.label, None, instead="leaving the run without a group"),
        job=source.read("job", parsers.label, None, instead="leaving the job unsaid"),
        job_type=source.argument("job_type", parsers.label),
        notes=source.argument("notes", parsers.notes),
        url=source.read("url", parsers.url, None, instead="records wait in the spool"),
        creds=source.read("creds", parsers.path, None, instead="connecting without credentials"),
        ca=source.read("ca", parsers.path, None, instead="trusting the system's authorities"),
        spool=spool or source.default_spool(),
        publish=source.read("publish", parsers.publish, _DEFAULT_PUBLISH),
        exit_timeout=source.read("exit_timeout", parsers.seconds, DEFAULT_EXIT_TIMEOUT),
        spool_bytes=source.read("spool_bytes", parsers.size, DEFAULT_LIMIT_BYTES),
        spool_policy=source.read("spool_policy", parsers.policy, _DEFAULT_POLICY),
        disabled=source.read("disabled", parsers.flag, default=False),
        fresh=run is None,
        off=source.off,
        problems=tuple(source.problems),
    )


class _Source:
    """Arguments and environment, and what was found wrong with the latter."""

    def __init__(self, arguments: Mapping[str, object], environ: Mapping[str, str]) -> None:
        self._arguments = arguments
        self._environ = environ
        self.problems: list[str] = []
        self.off: str | None = None

    def read(self, name: str, parse: Callable[[object], _T], default: _T, *, instead: str = "") -> _T:
        """Return the setting; ``instead`` says what an unusable variable leads to, if it is not just the default."""
        variable = PREFIX + name.upper()
        if self._arguments.get(name) is not None:
            return cast("_T", self.argument(name, parse))
        if variable not in self._environ:
            return default
        try:
            return parse(self._environ[variable])
        except ValueError as error:
            self._report(f"{variable}: {error}", instead or f"using {default!r}")
            return default

    def argument(self, name: str, parse: Callable[[object], _T]) -> _T | None:
        """Return a setting that concerns one run, which no variable of a whole process can say.

        Raises:
            SettingsInvalid: the argument is unusable.
        """
        argument = self._arguments.get(name)
        try:
            return None if argument is None else parse(argument)
        except ValueError as error:
            msg = f"{name}: {error}"
            raise SettingsInvalid(msg) from error

    def host_name(self) -> str:
        """Return the default of the site."""
        if self.off is not None:
            return ""
        try:
            return parsers.name(socket.gethostname())
        except ValueError as error:
            self._report(f"the host name cannot be a site ({error}); set {PREFIX}SITE", OFF)
            return ""

    def default_spool(self) -> Path:
        """Return the default of the spool; some containers run as a user without a home."""
        try:
            return Path(DEFAULT_SPOOL).expanduser().absolute()
        except (OSError, RuntimeError) as error:
            place = Path(tempfile.gettempdir()) / f"sitewire-{os.getuid()}" / "spool"
            self._report(f"{DEFAULT_SPOOL}: {error}", f"using {place}; set {PREFIX}SPOOL")
            return place

    def _report(self, problem: str, instead: str) -> None:
        if instead == OFF:
            self.off = f"{problem}; {OFF}"
        else:
            self.problems.append(f"{problem}; {instead}")


def _run_of_this_process() -> str:
    """Return one id for all runs of a process that were not named: re-running a notebook's cell goes on with it."""
    if not _process_run:
        _process_run.append(f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}")
    return _process_run[0]
