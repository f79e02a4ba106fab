"""Logs: structured (logfmt), on stderr; data goes to stdout."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


class Logfmt(logging.Formatter):
    """One line a record: ``time=... level=... logger=... message="..."``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, a traceback behind it if there is one."""
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message = json.dumps(record.getMessage(), ensure_ascii=False)
        line = f"time={stamp} level={record.levelname.lower()} logger={record.name} message={message}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up_logging(level: int) -> None:
    """Log sitewire's own records from ``level`` on, and warnings of libraries."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Logfmt())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("sitewire").setLevel(level)
    # The server says thirty lines at each start; they matter when something is wrong, and then it says so.
    logging.getLogger("sitewire.deploy.broker").setLevel(level if level < logging.INFO else logging.WARNING)
