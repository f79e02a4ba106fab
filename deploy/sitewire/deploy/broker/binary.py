"""Where nats-server is."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path
from typing import Final

from sitewire.deploy.errors import BinaryMissing

NAME: Final = "nats-server"


def find_binary() -> Path:
    """Return the nats-server beside the interpreter's scripts, where the wheel puts it, or else on the path.

    Raises:
        BinaryMissing: there is none.
    """
    found = shutil.which(NAME, path=sysconfig.get_path("scripts")) or shutil.which(NAME)
    if found is None:
        msg = f'there is no {NAME} here: pip install "sitewire[broker]", or give the `url` of a running broker'
        raise BinaryMissing(msg)
    return Path(found)
