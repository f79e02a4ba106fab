"""The config file that is written where there is none: an embedded broker, and three trackers on this disk."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sitewire.deploy.errors import FileRefused

_TEMPLATE: Final = """\
# Written by `sitewire {by}`. Edit it as you like, then run: sitewire up -c {shown}
broker:
  embedded: {{port: {port}, store: {store}}}
{more}routes:
  mlflow:
    subjects: ["metrics.>"]                       # every site, run and class
    sink: {{type: mlflow, tracking_uri: "sqlite:///mlflow.db"}}
  tensorboard:
    subjects: ["metrics.>"]
    sink: {{type: tensorboard, logdir: runs}}
  wandb:
    subjects: ["metrics.>"]
    sink: {{type: wandb, dir: .}}                   # offline: no account is needed
"""


def default_text(by: str, shown: Path, port: int = 4222, store: str = ".sitewire/jetstream", more: str = "") -> str:
    """Return the file's text.

    Args:
        by: the command that writes it.
        shown: its path, as a person would type it.
        port: of the embedded broker.
        store: folder of the broker's streams, from the file's own.
        more: further sections, whole lines.
    """
    return _TEMPLATE.format(by=by, shown=shown, port=port, store=store, more=more)


def write_if_missing(file: Path) -> bool:
    """Write the file for ``up`` if there is none; whether it was written.

    Raises:
        FileRefused: it cannot be written.
    """
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(default_text("up", file))
    except FileExistsError:
        return False
    except OSError as error:
        msg = f"{file}: {error.strerror}; there is no config file, and none can be written here"
        raise FileRefused(msg) from error
    return True
