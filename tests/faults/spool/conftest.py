from __future__ import annotations

from support.spooled import make_writer

__all__ = ["make_writer"]
