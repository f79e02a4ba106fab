"""One thing that was logged."""

from __future__ import annotations

import types
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

Primitive: TypeAlias = str | int | float | bool | None
Value: TypeAlias = Primitive | Mapping[str, object]


class RecordClass(StrEnum):
    """The class of a record: a token of its subject, so that routing can tell them apart.

    The order of the members is the order in which the spool numbers them; append, never reorder.
    """

    SCALARS = "scalars"
    RUN = "run"
    MEDIA = "media"
    ARTIFACTS = "artifacts"
    CONSOLE = "console"
    SYSTEM = "system"


class Kind(StrEnum):
    """What a record holds. Its value's type is given for each.

    The order of the members is their number on the wire; append, never reorder.
    """

    SCALAR = "scalar"
    """A float; NaN and infinities too."""
    TEXT = "text"
    """A string (Markdown, where the tracker renders it)."""
    RUN_START = "run_start"
    """A map: what was known of the run when its writer began (see ``RunStart``'s keys in the guide)."""
    RUN_END = "run_end"
    """A string: ``finished`` or ``failed``."""
    PARAM = "param"
    """A string, number, boolean or nil."""
    TAG = "tag"
    """A string."""
    HPARAMS = "hparams"
    """A map ``{"params": {name: primitive}, "metrics": [name]}``: a session of TensorBoard's hparams page."""
    SUMMARY = "summary"
    """A string, number, boolean or nil: a figure of the whole run, such as its best accuracy. The last one counts."""
    DEFINITION = "definition"
    """A map: how the metrics of that name (``*`` at its end stands for any end) are to be shown. Keys as of
    ``wandb.define_metric``: ``step_metric``, ``summary``, ``goal``, ``hidden``."""


CLASS_OF: Final[Mapping[Kind, RecordClass]] = types.MappingProxyType(
    {
        Kind.SCALAR: RecordClass.SCALARS,
        Kind.TEXT: RecordClass.MEDIA,
        Kind.RUN_START: RecordClass.RUN,
        Kind.RUN_END: RecordClass.RUN,
        Kind.PARAM: RecordClass.RUN,
        Kind.TAG: RecordClass.RUN,
        Kind.HPARAMS: RecordClass.RUN,
        Kind.SUMMARY: RecordClass.RUN,
        Kind.DEFINITION: RecordClass.RUN,
    }
)


class Record(NamedTuple):
    """One logged thing, in the order of its fields on the wire.

    Attributes:
        kind: what ``value`` is.
        name: the metric's or parameter's name; any text but the empty one.
        value: typed by the kind.
        time: seconds since the epoch, UTC, taken in the log call; float64.
        step: the trainer's step, signed 64 bit; ``None`` is "no step", which is not 0.
        round: federated round, if the trainer said so.
        epoch: epoch, if the trainer said so.
        context: ``train``, ``validation``, ... if the trainer said so.
        series: sub-directory of the run: a second ``SummaryWriter``, or one line of ``add_scalars``.
            Its last part may say that nobody has named it; see ``series``.
    """

    kind: Kind
    name: str
    value: Value
    time: float
    step: int | None = None
    round: int | None = None
    epoch: int | None = None
    context: str | None = None
    series: str | None = None
