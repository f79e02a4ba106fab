"""Objects of the original that nothing is collected of: they exist, take anything, and hold nothing."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from types import SimpleNamespace, TracebackType
from typing import Self


class StandIn:
    """Takes whatever is done to it. What it is logged as is counted as not collected, where it is logged."""

    def __init__(self, *_args: object, **_kwargs: object) -> None: ...

    def __call__(self, *_args: object, **_kwargs: object) -> StandIn:
        """Return another one."""
        return StandIn()

    def __getattr__(self, name: str) -> StandIn:
        # Names with an underscore are protocols (copying, pickling, arrays): these have to see that it has none.
        if name.startswith("_"):
            raise AttributeError(name)
        return StandIn()

    def __getitem__(self, _key: object) -> StandIn:
        return StandIn()

    def __setitem__(self, _key: object, _value: object) -> None: ...

    def __iter__(self) -> Iterator[StandIn]:
        return iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        """Let an exception pass."""


class Artifact(StandIn):
    """Files with a name and versions."""


class ArtifactTTL(StandIn):
    """How long an artifact is kept."""


class Audio(StandIn):
    """Sound."""


class Classes(StandIn):
    """Names of the classes in a picture."""


class EvalTable(StandIn):
    """A table of an evaluation."""


class Graph(StandIn):
    """The graph of a model."""


class Histogram(StandIn):
    """A distribution."""


class Html(StandIn):
    """A page."""


class Image(StandIn):
    """A picture."""


class JoinedTable(StandIn):
    """Two tables."""


class Molecule(StandIn):
    """A molecule."""


class Object3D(StandIn):
    """A body or a cloud of points."""


class Plotly(StandIn):
    """A chart."""


class Table(StandIn):
    """Rows and columns."""


class Video(StandIn):
    """Moving pictures."""


class AlertLevel(Enum):
    """How urgent an alert is."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class Settings(SimpleNamespace):
    """Settings of ``init`` by their names; those that say of a run what ``init``'s arguments say are taken.

    The others (timeouts, consoles, system metrics, ...) tune the original's client and have no meaning here. What
    nobody has said is ``None``.
    """

    def __getattr__(self, name: str) -> None:
        if name.startswith("_"):
            raise AttributeError(name)
