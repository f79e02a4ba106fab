"""What the hparams page shows of a folder: its session, and how far that is shown.

TensorBoard keeps the first thing that it reads under a tag of that page, so a session can be begun once and ended
once. It is begun when a scalar comes that was logged ``GRACE`` behind the folder's first one, or at the run's end:
parameters and scalars travel apart, and what was logged before the first scalar has arrived by then. It has all
parameters that came until then, in however many batches; later ones are texts only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sitewire.schemas.record import Primitive

GRACE: Final = 2.0
"""Seconds of the trainer's clock. A publisher sends what was logged within a tenth of one together, in any order."""

MAX_VALUE_CHARACTERS: Final = 500
"""Of a parameter on the page: a table of texts is none. Its text has all of it."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session, or what a batch adds to one.

    Attributes:
        params: by the name that is shown, as long as it has not begun.
        begun: whether its parameters have been written.
        ended: whether its end has.
    """

    params: Mapping[str, Primitive] = field(default_factory=dict)
    begun: bool = False
    ended: bool = False

    def __or__(self, later: Session) -> Session:
        """Return this with what came later."""
        begun = self.begun or later.begun
        return Session({} if begun else {**self.params, **later.params}, begun, self.ended or later.ended)

    def __bool__(self) -> bool:
        """Whether there is anything to say of it."""
        return bool(self.params) or self.begun or self.ended


BEGUN: Final = Session(begun=True)
ENDED: Final = Session(begun=True, ended=True)


def shown_value(value: object) -> Primitive:
    """Return a parameter's value as the page can show it; a number that is none would break the page."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str) and len(value) > MAX_VALUE_CHARACTERS:
        return f"{value[:MAX_VALUE_CHARACTERS]}..."
    return value if isinstance(value, (str, int, float)) else str(value)
