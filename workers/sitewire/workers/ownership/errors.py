"""What can go wrong with a worker's share of the work.

::

    OwnershipError
    └── Evicted    others have taken this worker for dead; what it owned may be somebody else's now
"""

from __future__ import annotations


class OwnershipError(Exception):
    """Base of everything that this folder raises."""


class Evicted(OwnershipError):
    """This worker's key is gone, or older than what was written to it: nothing of the membership holds any more."""
