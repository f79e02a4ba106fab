"""One request: what MLflow takes in one ``log_batch``."""

from __future__ import annotations

from typing import Final, NamedTuple

MOST_METRICS: Final = 1000
MOST_PARAMS: Final = 100
MOST_TAGS: Final = 100
MOST_ITEMS: Final = 1000
"""Of all three together."""
MOST_BYTES: Final = 900_000
"""MLflow takes 1 MB of JSON; some proxies take exactly as much."""


class Metric(NamedTuple):
    """A point.

    Attributes:
        key: its name as it is written.
        value: any float.
        time: milliseconds since the epoch.
        step: signed 64 bit.
    """

    key: str
    value: float
    time: int
    step: int


class Request:
    """What is sent together, and the artifacts that have to be there before it is.

    Attributes:
        metrics: in the order in which they were logged.
        params: by name.
        tags: by name.
        files: texts by the path of their artifact.
        size: bytes of JSON, about.
    """

    def __init__(self) -> None:
        self.metrics: list[Metric] = []
        self.params: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.size = 0

    def room(self, size: int, *, metrics: int = 0, params: int = 0, tags: int = 0) -> bool:
        """Whether so many more go into it."""
        metrics += len(self.metrics)
        params += len(self.params)
        tags += len(self.tags)
        return (
            metrics <= MOST_METRICS
            and params <= MOST_PARAMS
            and tags <= MOST_TAGS
            and metrics + params + tags <= MOST_ITEMS
            and self.size + size <= MOST_BYTES
        )
