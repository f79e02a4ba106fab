"""One broker, one worker, three routes: TensorBoard, a real MLflow server, W&B's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.mlflow.server import MlflowServer, mlflow_server
from support.product import Site, site_in, until

CONFIG = """\
broker:
  embedded: {{{{port: {{port}}, store: store}}}}
collect: {{{{spool: spool}}}}
routes:
  tb:
    subjects: ["metrics.*.*.>"]
    sink: {{{{type: tensorboard, logdir: runs}}}}
  mlflow:
    subjects: ["metrics.*.*.>"]
    sink: {{{{type: mlflow, tracking_uri: "{url}", flush_seconds: {pace}}}}}
  wandb:
    subjects: ["metrics.*.*.>"]
    sink: {{{{type: wandb, dir: wandb, mode: offline, flush_seconds: {pace}}}}}
"""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """An MLflow server on SQLite."""
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as started:
        yield started


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory, server: MlflowServer) -> Iterator[Site]:
    """A folder whose config file has a route to each of the three; its broker and worker run."""
    folder: Path = tmp_path_factory.mktemp("three")
    with site_in(folder, CONFIG.format(url=server.url, pace=1)) as site:
        up = site.start("up")
        until(lambda: site.run("status").returncode == 0, site.logs)
        yield site
        assert up.stop() == 0, up.output
