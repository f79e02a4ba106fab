"""Claims in the broker's bucket: of all who claim, one counts, and all are told which."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client

from sitewire.workers.bucket_claims import BucketClaims

pytestmark = pytest.mark.nats

NAME = "run.hospital-a.r1"


async def test_of_eight_who_claim_at_once_one_counts_and_each_is_told_which(client: Client) -> None:
    owners = [BucketClaims(client, "mlflow:here") for _ in range(8)]
    told = await asyncio.gather(*(owner.claim(NAME, f"run {number}") for number, owner in enumerate(owners)))
    assert len(set(told)) == 1
    assert await owners[0].read(NAME) == told[0]


async def test_a_claim_that_comes_later_is_told_the_first_and_changes_nothing(client: Client) -> None:
    claims = BucketClaims(client, "mlflow:here")
    assert await claims.read(NAME) is None
    assert await claims.claim(NAME, "first") == "first"
    assert await claims.claim(NAME, "second") == "first"
    assert await claims.read(NAME) == "first"


async def test_what_the_tracker_has_lost_is_replaced_once(client: Client) -> None:
    claims = BucketClaims(client, "mlflow:here")
    await claims.claim(NAME, "lost")
    told = await asyncio.gather(*(claims.claim(NAME, f"new {number}", "lost") for number in range(8)))
    assert len(set(told)) == 1
    assert await claims.claim(NAME, "another", "lost") == told[0] == await claims.read(NAME)


async def test_places_have_claims_of_their_own(client: Client) -> None:
    await BucketClaims(client, "mlflow:here").claim(NAME, "here")
    assert await BucketClaims(client, "mlflow:there").read(NAME) is None
