"""What the client is told in online mode, beside what it is told always. Imports nothing of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sitewire.workers.sinks.wandb.service import Service

TRANSMIT: Final = 1
"""Seconds between two requests with rows; whole ones: the client takes a fraction for its default of 15."""
REQUEST: Final = 30  # seconds for one request, be it one that hangs
RETRY: Final = (1, 5)  # seconds between two tries, from the first to the slowest; the default is up to 60
LEAVING: Final = 5
"""Seconds that a session may take to send what is left, when the run goes on: what is late is sent by the next one."""
ENDING: Final = 20
"""The same for one that ends the run."""


def settings_of_service(service: Service) -> Mapping[str, Any]:
    """Return what the host of a service begins with: no secret, but the file that has it."""
    return {
        "mode": "online",
        "flush": 1.0,
        "base_url": service.base_url,
        "entity": service.entity,
        "api_key_file": str(service.api_key_file),
    }


def online_settings(begin: Mapping[str, Any], *, ends: bool) -> Mapping[str, Any]:
    """Return the client's settings for one session.

    Args:
        begin: of ``settings_of_service``.
        ends: whether ``finish`` ends the run at the service.

    Raises:
        PlaceDown: the key cannot be read.
    """
    service = Service(begin["base_url"], begin["entity"], Path(begin["api_key_file"]))
    first, slowest = RETRY
    return {
        "base_url": service.base_url,
        "entity": service.entity,
        "api_key": service.api_key(),
        "resume": "allow",
        "finish_timeout": ENDING if ends else LEAVING,
        "x_update_finish_state": ends,
        "x_skip_transaction_log": True,  # the files are another client's
        "x_file_stream_transmit_interval": TRANSMIT,
        "x_file_stream_timeout_seconds": REQUEST,
        "x_file_stream_retry_wait_min_seconds": first,
        "x_file_stream_retry_wait_max_seconds": slowest,
        "x_graphql_retry_wait_min_seconds": first,
        "x_graphql_retry_wait_max_seconds": slowest,
    }
