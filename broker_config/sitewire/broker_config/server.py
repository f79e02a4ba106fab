"""The configuration of the nats-server that is started by us."""

from __future__ import annotations

import json
from typing import Final

from sitewire.broker_config.model import Embedded

MAX_PAYLOAD_BYTES: Final = 1024 * 1024
"""The server's own default, stated because envelopes are cut to half of it."""

MAX_FILE_STORE: Final = "64TB"
"""So large that it never decides. The server's default is a share of the disk that is free at its start:
after a restart on a fuller disk it would refuse its own streams. The metrics stream's bound decides."""

SERVER_NAME: Final = "sitewire"

PING_INTERVAL: Final = "20s"
"""A client that leaves two of these unanswered is given up; the server's default is two minutes each."""


def server_config(embedded: Embedded) -> str:
    """Return the text of a nats-server configuration.

    Every message is synced before it is acknowledged (the server's default is every two minutes, so
    that an acknowledged message can be lost with the power). It gives a client up that answers nothing
    for a minute: where only what the server sends arrives, the client notices nothing. It listens on
    ``host`` alone, has no monitoring port, and logs to its standard error, for whoever supervises it.
    """
    store = embedded.store
    return "\n".join(
        (
            f"server_name: {_text(SERVER_NAME)}",
            f"host: {_text(embedded.host)}",
            f"port: {embedded.port}",
            f"max_payload: {MAX_PAYLOAD_BYTES}",
            f"pid_file: {_text(str(store / 'nats-server.pid'))}",
            "logtime: false",
            f"ping_interval: {_text(PING_INTERVAL)}",
            "jetstream {",
            f"  store_dir: {_text(str(store))}",
            "  sync_interval: always",
            f"  max_file_store: {MAX_FILE_STORE}",
            "}",
            "",
        )
    )


def _text(value: str) -> str:
    # The server's format reads strings as JSON does, save for what it takes as escapes of bytes.
    return json.dumps(value, ensure_ascii=False)
