"""Whether a process that signed a key is gone for certain, without waiting for its lease to lapse.

A process id says something only in its own kernel and namespace. The boot id and the namespace name those; copies of a
virtual machine can share both, so that what is found here may be wrong there. Therefore only
predecessors are asked about, once, when a worker joins: who is evicted in error joins under a new id and is let be.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from sitewire.workers.ownership.lease import WorkerLease


def this_kernel() -> str:
    """Return what process ids mean here; empty where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()}/{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""  # not Linux, or it hides them


def is_gone(worker: WorkerLease, kernel: str) -> bool:
    """Whether a worker's process has ended; False whenever that is not certain.

    Args:
        worker: as its key says.
        kernel: ours, from ``this_kernel``.
    """
    if not kernel or worker.kernel != kernel or worker.pid <= 0:
        return False
    try:
        os.kill(worker.pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False  # it is there and another user's; or no process id at all
    return False
