"""What the log of nats-server is read for: that its disk has refused it a write."""

from __future__ import annotations

import asyncio
import sys
import tempfile

import pytest

from sitewire.deploy.broker.process import ServerProcess

FULL = (
    "[7] [ERR] JetStream failed to store a msg on stream '$G > METRICS': critical write error: no space left on device"
)
NAMED = '[7] [DBG] 127.0.0.1:4711 - cid:5 - "v2:python3:critical write error" - Client connection created'


@pytest.mark.parametrize(("line", "failed"), [(FULL, True), (NAMED, False)], ids=["a full disk", "a client's name"])
async def test_a_write_has_failed_when_the_server_says_so_and_not_when_a_client_is_called_so(
    line: str, failed: bool
) -> None:
    program = (sys.executable, "-c", "import sys; sys.stderr.write(sys.argv[1])", line)
    with tempfile.TemporaryFile() as inherited:
        server = await ServerProcess.start(program, inherited.fileno())
        async with asyncio.timeout(30):
            assert await server.wait() == 0
    assert server.last_lines == line.split("] ", 2)[2]
    assert server.write_failed.is_set() is failed
