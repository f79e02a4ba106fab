"""What stands between a worker and MLflow: log-ins, limits, wrong addresses, silence."""

from __future__ import annotations

import asyncio
import base64
import socket
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sitewire.schemas.record import Kind
from sitewire.workers.errors import PlaceDown, Throttled
from sitewire.workers.sinks.mlflow import channel
from sitewire.workers.sinks.testing.samples import scalars, stream
from support.mlflow.owners import KEY, Owners, deliveries, record, start
from support.mlflow.proxy import Proxy, proxy_before
from support.mlflow.server import MlflowServer
from support.nats import free_port

A = stream(1)


@pytest.fixture
def proxy(mlflow_on_sqlite: MlflowServer) -> Iterator[Proxy]:
    with proxy_before(mlflow_on_sqlite.port) as proxy:
        yield proxy


async def test_a_password_goes_with_every_request(proxy: Proxy, owners: Owners, tmp_path: Path) -> None:
    proxy.wanted = "Basic " + base64.b64encode(b"me:hunter2").decode()
    (tmp_path / "password").write_text("hunter2\n")
    runner = await owners.runner(proxy.url, username="me", password_file="password")
    await runner.finish(*deliveries(start(), record(Kind.TEXT, "said", "hello")))
    assert 401 not in {status for _, _, status in proxy.requests}
    assert any(method == "PUT" for method, _, _ in proxy.requests)


async def test_a_token_that_was_replaced_while_it_runs_is_read_again(
    proxy: Proxy, owners: Owners, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("one")
    proxy.wanted = "Bearer one"
    runner = await owners.runner(proxy.url, token_file="token")
    await runner.deliver(scalars(A, 0, 5))
    token.write_text("two")
    proxy.wanted = "Bearer two"
    await runner.deliver(scalars(A, 5, 9))
    proxy.wanted = "Bearer three"
    with pytest.raises(PlaceDown, match="token_file") as caught:
        await runner.deliver(scalars(A, 9, 12))
    assert "two" not in str(caught.value)
    assert [status for _, _, status in proxy.requests].count(401) == 2  # what has not changed is not tried again


async def test_the_environment_and_netrc_are_not_asked(
    proxy: Proxy, owners: Owners, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "other")
    (tmp_path / "token").write_text("mine")
    proxy.wanted = "Bearer mine"
    await (await owners.runner(proxy.url, token_file="token")).finish(scalars(A, 0, 5))


async def test_a_server_that_asks_to_be_left_alone_is_and_says_for_how_long(proxy: Proxy, owners: Owners) -> None:
    runner = await owners.runner(proxy.url)
    await runner.deliver(scalars(A, 0, 5))
    came = len(proxy.requests)
    proxy.answers.append((429, {"Retry-After": "17"}, "slowly"))
    with pytest.raises(Throttled) as caught:
        await runner.deliver(scalars(A, 5, 9))
    assert caught.value.seconds == 17
    assert len(proxy.requests) == came + 1
    await runner.reopen()
    await runner.finish(scalars(A, 5, 9))


async def test_a_date_until_when_is_the_servers_whatever_our_clock_says(
    proxy: Proxy, owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = await owners.runner(proxy.url)
    await runner.deliver(scalars(A, 0, 5))
    for jump in (0.0, 86_400.0, -86_400.0):
        # The sink's clock alone: the server is in this process, and says by its own what date it is.
        monkeypatch.setattr(channel, "time", SimpleNamespace(time=lambda jump=jump: time.time() + jump))
        proxy.answers.append((429, {"Retry-After": formatdate(time.time() + 60, usegmt=True)}, "slowly"))
        with pytest.raises(Throttled) as caught:
            await runner.deliver(scalars(A, 5, 9))
        assert caught.value.seconds == pytest.approx(60, abs=3)
        await runner.reopen()


async def test_what_is_no_mlflow_says_so(proxy: Proxy, owners: Owners) -> None:
    runner = await owners.runner(proxy.url)
    proxy.answers += [(200, {"Content-Type": "text/html"}, "<html>please log in</html>")]
    with pytest.raises(PlaceDown, match="tracking server"):
        await runner.deliver(scalars(A, 0, 5))


async def test_a_host_that_the_server_does_not_know_is_its_operators_to_allow(
    mlflow_on_sqlite: MlflowServer, owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.1" if host == "mlflow.test" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(PlaceDown, match="--allowed-hosts"):
        await owners.runner(f"http://mlflow.test:{mlflow_on_sqlite.port}")


async def test_a_server_that_is_not_there_is_said_at_once(owners: Owners) -> None:
    sink = await owners.sink(f"http://127.0.0.1:{free_port()}")
    began = time.monotonic()
    with pytest.raises(PlaceDown, match=r"cannot be reached.*refused"):
        await sink.open_run(KEY, "experiment", {})
    assert time.monotonic() - began < 5  # MLflow's own client tries for 247 s


async def test_a_server_that_does_not_answer_ends_a_write_in_time(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    runner = await owners.runner(mlflow_on_sqlite.url, timeout_seconds=0.5)
    await runner.deliver(scalars(A, 0, 5))
    mlflow_on_sqlite.pause()
    try:
        with pytest.raises(PlaceDown, match="timeout_seconds"):
            await runner.deliver(scalars(A, 5, 9))
    finally:
        mlflow_on_sqlite.resume()
    await runner.reopen()
    await runner.finish(scalars(A, 0, 9))
    assert mlflow_on_sqlite.store.count("clinic", "job") == 9


async def test_whoever_is_cancelled_while_a_server_hangs_does_not_wait_for_others(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    sink = await owners.sink(mlflow_on_sqlite.url, timeout_seconds=2)
    place = sink._place
    assert place is not None
    mlflow_on_sqlite.pause()
    try:
        calls = [asyncio.create_task(place.call(place.tracker.get, "0" * 32)) for _ in range(40)]
        await asyncio.sleep(0)
        began = time.monotonic()
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        assert time.monotonic() - began < 2 * 2 + 2  # one request's time, not that of ten in turn
    finally:
        mlflow_on_sqlite.resume()
