"""What the tracker refuses while a run is made says nothing of the records that wait for it."""

from __future__ import annotations

import json
from typing import SupportsIndex

from sitewire.schemas.record import Kind
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import BatchRefused, Temporary
from support.mlflow.owners import Owners, deliveries, record, start
from support.mlflow.proxy import proxy_before
from support.mlflow.server import MlflowServer

REFUSAL = 400, {"Content-Type": "application/json"}, json.dumps({"error_code": "INVALID_PARAMETER_VALUE"})


class At(list[tuple[int, dict[str, str], str]]):
    """What a proxy says in the place of the server to one request alone."""

    def __init__(self, number: int) -> None:
        super().__init__([REFUSAL])
        self._number = number

    def pop(self, index: SupportsIndex = -1) -> tuple[int, dict[str, str], str]:
        self._number -= 1
        if self._number >= 0:
            raise IndexError
        return super().pop(index)


async def test_no_record_is_to_blame_for_a_run_that_is_refused(mlflow_on_sqlite: MlflowServer, owners: Owners) -> None:
    number = 0
    batch = deliveries(start(), record(Kind.SCALAR, "loss", 1.0))
    with proxy_before(mlflow_on_sqlite.port) as proxy:
        for number in range(50):
            runner = await owners.runner(proxy.url, RunKey("clinic", f"job-{number}"))
            proxy.answers = At(number)
            try:
                await runner.deliver(*batch)
            except Temporary as error:
                assert "INVALID_PARAMETER_VALUE" in str(error)  # noqa: PT017  which one of two it is matters
            except BatchRefused:
                break
        assert number > 5
        assert proxy.requests[-1][1].endswith("/log-batch"), "which is about the records"
