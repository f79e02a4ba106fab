"""Where records end: one module or folder a destination, all behind ``contract``.

Lives here: the contract, what sinks share (``progress``, ``partition_lock``, ``files``, ``threads``), the
built-in sinks, ``registry`` (entry points, group ``sitewire.sinks``) and ``testing``, the contract's
tests for third parties. May be changed here: anything that ``testing`` still passes, and nothing
that makes files written before unreadable. May import: ``sitewire.schemas``, ``sitewire.workers.errors``,
``sitewire.workers.point``, pydantic, and a tracker's own libraries inside of its sink only, when it opens.
"""
