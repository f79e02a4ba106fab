"""The trainers of one site, as one job: ``python -m support.soak.launcher BEGIN [JOURNAL SEED PACE RUN]...``.

Each is a process of its own, with its run in the environment; the exit code is 1 if one of them failed.
"""

from __future__ import annotations

import os
import subprocess
import sys


def main() -> None:
    begin, *rest = sys.argv[1:]
    trainers = [
        subprocess.Popen(
            [sys.executable, "-m", "support.soak.trainer", journal, seed, pace, begin],
            env={**os.environ, "SITEWIRE_RUN": run},
        )
        for journal, seed, pace, run in zip(*[iter(rest)] * 4, strict=True)
    ]
    codes = [trainer.wait() for trainer in trainers]
    sys.exit(any(codes))


if __name__ == "__main__":
    main()
