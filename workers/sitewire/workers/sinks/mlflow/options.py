"""The sink's keys in the config file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from sitewire.workers.sinks.contract import FlushSeconds, SinkOptions
from sitewire.workers.sinks.mlflow.address import check_uri


class MlflowOptions(SinkOptions):
    """Keys of ``sink: {type: mlflow}``."""

    model_config = ConfigDict(hide_input_in_errors=True)  # somebody may write a password into the URI

    tracking_uri: Annotated[str, AfterValidator(check_uri)] = Field(
        description="URL of the tracking server, or sqlite:///FILE, which begins at the config file's folder."
    )
    flush_seconds: FlushSeconds = 1.0
    timeout_seconds: float = Field(
        default=30.0, gt=0, le=600, description="Seconds that the server may take to connect, and to answer."
    )
    token_file: Path | None = Field(
        default=None, description="File with the token that the server wants; read again when it says 401."
    )
    username: str | None = Field(default=None, min_length=1, description="User name, if the server wants a password.")
    password_file: Path | None = Field(
        default=None, description="File with the password; read again when the server says 401."
    )
    ca_file: Path | None = Field(
        default=None, description="Certificates (PEM) that the server's is checked by; else those of this machine."
    )

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if (self.username is None) != (self.password_file is None):
            msg = "username and password_file belong together"
            raise ValueError(msg)
        if self.token_file is not None and self.username is not None:
            msg = "either token_file, or username and password_file"
            raise ValueError(msg)
        return self
