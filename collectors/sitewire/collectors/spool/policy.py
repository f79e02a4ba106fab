"""What happens to records when a writer's segments reach their bound and nothing in them is acknowledged."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Policy: TypeAlias = Literal["drop_oldest", "drop_newest", "block"]
"""The oldest segment goes; new records go; or a log call waits up to ``BLOCK_SECONDS``, then its record goes."""

BLOCK_SECONDS: Final = 0.05
"""How long a log call waits for acknowledged room under ``block``."""

BURST_SECONDS: Final = 1.0
"""How long one log call waits for a segment that is being prepared, when records come faster than the disk
gives room. Those after it drop until there is one: training goes on."""

DEFAULT_LIMIT_BYTES: Final = 1 << 30
LEAST_LIMIT_BYTES: Final = 2 << 20
"""Four of the smallest segments: one written, one prepared, and some to keep. Smaller limits are raised to it."""
