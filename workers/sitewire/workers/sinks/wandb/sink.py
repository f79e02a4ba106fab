"""W&B: a directory of its files. Importable without the extra: what needs it is imported when the sink opens."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from sitewire.workers.sinks.contract import Sink, SinkOptions


class WandbOptions(SinkOptions):
    """Keys of ``sink: {type: wandb}``."""

    dir: Path = Field(description="Directory of W&B's files; each run writes to <dir>/wandb/*run-<time>-<id>/.")
    mode: Literal["offline", "online"] = Field(
        default="offline", description="`offline` needs no account (`wandb sync` uploads later); `online` uploads too."
    )
    entity: str | None = Field(
        default=None, description="User or team that the runs belong to; default: the key's own."
    )
    base_url: str | None = Field(default=None, description="Address of a W&B server of your own.")
    flush_seconds: float = Field(
        default=1.0, ge=0, le=60, description="Seconds that a run's records are gathered before they are written."
    )
    api_key_file: Path | None = Field(default=None, description="File that holds the API key; `online` needs it.")


class WandbSink(Sink):
    """Runs in W&B's files."""

    name = "wandb"
    Options: ClassVar[type[SinkOptions]] = WandbOptions
