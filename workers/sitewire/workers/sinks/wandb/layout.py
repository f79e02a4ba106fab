"""Names of a run in W&B, and where its files are.

``<dir>/wandb/offline-run-<time>-<id>[-n]/run-<id>.wandb`` as the client makes it, ``run-...`` in online mode.
"""

from __future__ import annotations

import hashlib
from typing import Final

from sitewire.schemas.subject import RunKey

MAX_ID_CHARACTERS: Final = 64
"""What W&B's documentation asks for."""

_SITE_CHARACTERS: Final = 24


def run_id(key: RunKey) -> str:
    """Return W&B's id of a run: readable tokens and a digest, so that two runs never share one.

    ``=`` of a token is ``.``, since an id appears in addresses; the digest is of both tokens as they are.
    """
    site, run = key.tokens
    digest = hashlib.sha256(f"{site}.{run}".encode()).hexdigest()[:16]
    room = MAX_ID_CHARACTERS - len(digest) - 2 - _SITE_CHARACTERS
    return f"{run[:room]}-{site[:_SITE_CHARACTERS]}-{digest}".replace("=", ".")
