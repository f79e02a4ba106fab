"""Troubles that are logged once, however often and in however many units they are met."""

from __future__ import annotations

import logging
import re

_logger = logging.getLogger("sitewire.worker")


class SaidOnce:
    """Warnings; what differs in numbers only (each partition has it) is one trouble."""

    def __init__(self) -> None:
        self._kinds: set[str] = set()

    def warn(self, message: str) -> None:
        """Log a trouble the first time."""
        kind = re.sub(r"\d+", "", message)
        if kind not in self._kinds:
            self._kinds.add(kind)
            _logger.warning("%s", message)

    def clear(self) -> None:
        """Something works again: the next trouble is a new one."""
        self._kinds.clear()
