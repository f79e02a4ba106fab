"""The program that TensorBoard starts for ``--load_fast=true``, asked over its gRPC."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import tensorboard_data_server  # type: ignore[import-untyped]  # it ships no types
from tensorboard.data import grpc_provider, server_ingester
from tensorboard.util.grpc_util import ChannelCredsType


class DataServer:
    """One that looks at a log directory each second, until it is closed.

    Attributes:
        provider: what TensorBoard's pages ask.
    """

    def __init__(self, logdir: Path, port_file: Path) -> None:
        self._process = subprocess.Popen(
            [
                str(tensorboard_data_server.server_binary()), f"--logdir={logdir}", "--reload=1", "--port=0",
                f"--port-file={port_file}", "--samples-per-plugin=scalars=all", "--die-after-stdin",
            ],
            stdin=subprocess.PIPE,
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while not (port_file.exists() and port_file.read_text().endswith("\n")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        address = f"localhost:{int(port_file.read_text())}"
        stub = server_ingester._make_stub(address, ChannelCredsType.LOCAL)
        self.provider: Any = grpc_provider.GrpcDataProvider(address, stub)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
