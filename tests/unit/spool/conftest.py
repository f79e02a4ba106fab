from __future__ import annotations

from support.spool import make_writer

__all__ = ["make_writer"]
