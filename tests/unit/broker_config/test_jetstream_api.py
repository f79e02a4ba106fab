from __future__ import annotations

import pytest
from nats.js.errors import APIError

from sitewire.broker_config.errors import BrokerBusy, map_error
from sitewire.broker_config.jetstream_api import check_complete


def test_a_list_from_which_consumers_are_missing_is_none() -> None:
    check_complete({"consumers": [{}], "total": 1}, "METRICS")
    check_complete({"consumers": [{}], "total": 1, "missing": None}, "METRICS")
    with pytest.raises(BrokerBusy, match="METRICS: 2 consumers have no leader"):
        check_complete({"consumers": [{}], "total": 3, "missing": ["a", "b"]}, "METRICS")


@pytest.mark.parametrize("code", [500, 503])
def test_a_server_that_fails_is_asked_again(code: int) -> None:
    assert type(map_error(APIError(code, "stream is offline", 10118))) is BrokerBusy
