from __future__ import annotations

from pathlib import Path

import pytest

from sitewire.broker_config.connection import Endpoint
from sitewire.broker_config.errors import ConfigInvalid, Misuse
from sitewire.broker_config.streams import plan_streams
from sitewire.broker_config.urls import check_url, masked, share_a_server, split_urls
from support.config import config_of

THREE = "nats://a:4222,nats://b:4222,nats://c:4222"


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("nats://a:4222", ("nats://a:4222",)),
        (" nats://a , tls://b:4333 ", ("nats://a", "tls://b:4333")),
        ("nats://ann:pass,word@a,nats://b", ("nats://ann:pass,word@a", "nats://b")),
    ],
)
def test_a_list_is_split_at_commas_that_a_url_follows(text: str, urls: tuple[str, ...]) -> None:
    check_url(text)
    assert split_urls(text) == urls
    assert Endpoint(text).urls == urls


@pytest.mark.parametrize("text", ["nats://a,", "nats://a,b:4222", "nats://a:4222,nats://", ",nats://a"])
def test_a_list_with_a_url_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Misuse):
        check_url(text)


def test_each_url_of_a_list_is_masked() -> None:
    text = "nats://ann:s3cret@a,tls://s3cret@b:4222"
    assert masked(text) == "nats://***@a,tls://***@b:4222"
    assert "s3cret" not in repr(Endpoint(text))
    with pytest.raises(Misuse) as refused:
        check_url(f"{text},http://ann:s3cret@c")
    assert "s3cret" not in str(refused.value)


def test_a_cluster_is_known_by_any_of_its_servers() -> None:
    assert share_a_server(THREE, "nats://***@b")
    assert share_a_server("nats://b:4222", THREE)
    assert not share_a_server(THREE, "nats://d:4222")
    assert not share_a_server(THREE, "neither:is")


def test_the_file_takes_a_list_or_one_text_with_commas(tmp_path: Path) -> None:
    for written in ("['nats://a:4222', 'nats://b:4222', 'nats://c:4222']", f"'{THREE}'"):
        assert config_of(tmp_path, f"broker: {{url: {written}}}").broker.endpoint.url == THREE


@pytest.mark.parametrize(
    ("broker", "words"),
    [
        ("{url: []}", "must be text"),
        ("{url: ['nats://a', 3]}", "must be text"),
        ("{url: ['nats://a', 'hub']}", "not the URL of a broker"),
        ("{url: 'nats://a', replicas: 2}", "1, 3 or 5"),
        ("{embedded: {}, replicas: 3}", "`replicas` belongs to the `url` of a cluster"),
    ],
)
def test_what_is_no_cluster_is_refused(tmp_path: Path, broker: str, words: str) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        config_of(tmp_path, f"broker: {broker}")


def test_replicas_are_wanted_of_every_stream_and_only_if_the_file_says_so(tmp_path: Path) -> None:
    three = config_of(tmp_path, "broker: {url: 'nats://a', replicas: 3}").broker
    assert {plan.wanted["num_replicas"] for plan in plan_streams(three)} == {3}
    silent = config_of(tmp_path, "broker: {url: 'nats://a'}").broker
    assert not any("num_replicas" in plan.wanted for plan in plan_streams(silent))
