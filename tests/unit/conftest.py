"""How hypothesis runs: without a deadline, since the machine may be busy."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("sitewire", deadline=None)
settings.load_profile("sitewire")
