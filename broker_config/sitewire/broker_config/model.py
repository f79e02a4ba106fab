"""What the config file says, validated and frozen.

Paths are absolute: relative ones begin at the folder of the file. Only keys that do something exist.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from sitewire.broker_config.connection import Endpoint, check_url
from sitewire.broker_config.errors import Misuse, NotThere
from sitewire.broker_config.suggest import did_you_mean
from sitewire.broker_config.urls import split_urls

BEGINNING: Final = "beginning"
NEW: Final = "new"
Start: TypeAlias = Literal["beginning", "new"] | datetime
"""Where a route begins: with the oldest message kept, with the next one, or at a time (aware)."""

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  read here, not bound


def _resolve(path: Path, info: ValidationInfo) -> Path:
    path = path.expanduser()
    if not path.is_absolute():
        path = ((info.context or {}).get("base") or Path.cwd()) / path
    return Path(os.path.normpath(path))  # no symlink is followed: the place may not exist yet


def _path_text(value: object) -> object:
    if not isinstance(value, (str, Path)) or not str(value).strip():
        msg = "a path, as text"
        raise ValueError(msg)
    return value


def _joined(value: object) -> object:
    """Take a list of URLs for what one text with commas says."""
    if isinstance(value, list) and value and all(isinstance(url, str) for url in value):
        return ",".join(value)
    return value


def _url(value: str) -> str:
    try:
        check_url(value)
    except Misuse as error:
        raise ValueError(str(error)) from error
    return ",".join(split_urls(value))


def _start(value: object) -> object:
    if value in (BEGINNING, NEW) or isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _RFC3339.fullmatch(value):
            return datetime.fromisoformat(value.upper())
    except ValueError:
        pass  # the thirtieth of February: said below
    msg = f"must be `{BEGINNING}`, `{NEW}` or a time with its offset, like 2026-01-31T09:00:00Z"
    raise ValueError(msg)


_Place: TypeAlias = Annotated[Path, BeforeValidator(_path_text), AfterValidator(_resolve)]


class Section(BaseModel):
    """A mapping in the file: frozen, unknown keys are errors, types are taken as written."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Embedded(Section):
    """A nats-server that ``up``, ``broker`` and ``demo`` start themselves.

    Attributes:
        port: of clients.
        store: the folder of the streams.
        host: the address to listen on; everybody who reaches it can publish.
        max_bytes: bound of the metrics stream. Without it the stream is created with 10 GiB or half of the
            free disk, whichever is less, and keeps what it has.
    """

    port: int = Field(default=4222, strict=True, ge=1, le=65535)
    store: _Place = Field(default=Path(".sitewire/jetstream"), validate_default=True)
    host: str = Field(default="127.0.0.1", min_length=1, pattern=r"^[A-Za-z0-9.:_-]+$")
    max_bytes: int | None = Field(default=None, strict=True, ge=1024 * 1024)

    @property
    def url(self) -> str:
        """Where a client on this machine connects to."""
        host = _EVERY_ADDRESS.get(self.host, self.host)
        return f"nats://[{host}]:{self.port}" if ":" in host else f"nats://{host}:{self.port}"


class Broker(Section):
    """The broker: one that is embedded, or one that runs elsewhere.

    Attributes:
        embedded: how to start our own.
        url: of a broker that runs already; of a cluster a list, or one text with commas.
        creds: credentials for it.
        ca: the authority that signed its certificate.
        replicas: how many servers of a cluster hold each stream. Without it streams are created with one, and those
            that are there keep what they have: a line that somebody forgets must not take copies away.
    """

    embedded: Embedded | None = None
    url: Annotated[str, BeforeValidator(_joined), AfterValidator(_url)] | None = Field(default=None, repr=False)
    creds: _Place | None = None
    ca: _Place | None = None
    replicas: Literal[1, 3, 5] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.embedded is None) == (self.url is None):
            msg = "either `embedded` or `url`, and not both"
            raise ValueError(msg)
        if self.embedded is not None and (self.creds or self.ca):
            msg = "`creds` and `ca` belong to a `url`; the embedded broker asks for none"
            raise ValueError(msg)
        if self.embedded is not None and self.replicas is not None:
            msg = "`replicas` belongs to the `url` of a cluster; the embedded broker is one server"
            raise ValueError(msg)
        return self

    @property
    def endpoint(self) -> Endpoint:
        """Where to connect, and as whom."""
        # One of the two is there: validated above.
        return Endpoint(self.embedded.url if self.embedded is not None else str(self.url), self.creds, self.ca)


def _default_spool() -> Path:
    return Path(os.environ.get("SITEWIRE_SPOOL") or Path.home() / ".sitewire" / "spool").absolute()


class Collect(Section):
    """The local spool that ``up`` and ``demo`` collect besides what else they do.

    Attributes:
        spool: its folder; without it ``SITEWIRE_SPOOL``, or ``~/.sitewire/spool``.
    """

    spool: _Place = Field(default_factory=_default_spool)


class Keep(Section):
    """How much stays in the metrics stream of what every route has committed. What one has not, stays in any case.

    Attributes:
        share: of the stream's bound: what is committed is purged, the oldest first, while the stream is larger.
        hours: purged after that time too, however small the stream is; without it never for its age.
    """

    share: float = Field(default=0.5, strict=True, gt=0, le=1, allow_inf_nan=False)
    hours: float | None = Field(default=None, strict=True, gt=0, allow_inf_nan=False)


class RouteSection(Section):
    """A route as it is written; its sink's keys are the sink type's own affair.

    Attributes:
        subjects: patterns that people write: no partition.
        start: where the route begins when it is new.
        sink: ``type`` and the sink's keys.
    """

    subjects: tuple[str, ...] = Field(min_length=1)
    start: Annotated[Start, BeforeValidator(_start)] = BEGINNING
    sink: Mapping[str, Any]


class FileSection(Section):
    """The file as a whole."""

    broker: Broker
    collect: Collect = Field(default_factory=Collect)
    keep: Keep = Field(default_factory=Keep)
    routes: Mapping[str, RouteSection] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SinkConfig:
    """Where a route writes.

    Attributes:
        type: the name of the entry point in the group ``sitewire.sinks``.
        options: the sink's validated keys, an object of its class's ``Options``.
        base: the folder that relative paths in them begin at.
        identity: type and place; progress is keyed by it.
    """

    type: str
    options: BaseModel
    base: Path
    identity: str


@dataclass(frozen=True, slots=True)
class Route:
    """What goes where.

    Attributes:
        name: 1 to 32 of ``a-z 0-9 -``.
        subjects: patterns, as they are written in the file.
        start: where the route begins when it is new.
        sink: where it writes.
    """

    name: str
    subjects: tuple[str, ...]
    start: Start
    sink: SinkConfig


@dataclass(frozen=True, slots=True)
class Config:
    """A config file that has no problems.

    Attributes:
        file: where it was read.
        broker: the broker.
        collect: the local spool.
        routes: in the order of the file.
        keep: what the trimmer leaves.
    """

    file: Path
    broker: Broker
    collect: Collect
    routes: Sequence[Route]
    keep: Keep = field(default_factory=Keep)

    def route(self, name: str) -> Route:
        """Return the route of that name.

        Raises:
            NotThere: there is none; the message names the closest.
        """
        for route in self.routes:
            if route.name == name:
                return route
        msg = f"no route `{name}` in {self.file}; {did_you_mean(name, (route.name for route in self.routes))}"
        raise NotThere(msg)
