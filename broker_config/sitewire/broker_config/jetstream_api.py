"""JetStream's management API as the plain JSON that it is.

nats-py's own calls drop what they do not know, such as ``action``, without which two processes
that create one consumer at once overwrite each other.
"""

from __future__ import annotations

import json
from typing import Any, Final, TypeAlias

from nats.aio.client import Client
from nats.js.errors import APIError

from sitewire.broker_config.errors import BrokerBusy, Refused, map_error, mapped_errors

Json: TypeAlias = dict[str, Any]

TIMEOUT_SECONDS: Final = 10.0

CONSUMER_EXISTS: Final = frozenset({10148, 10105})
"""Error codes: a consumer of that name exists with another configuration."""
CONSUMER_MISSING: Final = frozenset({10149, 10014})
MESSAGE_MISSING: Final = frozenset({10037})
STREAM_EXISTS: Final = frozenset({10058})
STREAM_MISSING: Final = frozenset({10059})
NO_LEADER: Final = 10008
"""Error code: of a stream, a consumer, or JetStream as a whole; one is elected within seconds."""
NO_PEERS: Final = frozenset({10005, 10074})
"""Error codes: too few servers for that many replicas, or no cluster at all."""
NO_STORAGE: Final = frozenset({10023, 10047})
"""Error codes: the server or the account has no room for a stream of that bound."""


async def ask(client: Client, path: str, body: Json | None = None) -> Json:
    """Send a request to ``$JS.API.<path>`` and return the answer.

    Raises:
        APIError: the server said no; ``err_code`` says why.
        BrokerBusy: a cluster without a leader.
        BrokerError: no answer.
    """
    payload = json.dumps(body).encode() if body is not None else b""
    with mapped_errors():
        message = await client.request(f"$JS.API.{path}", payload, timeout=TIMEOUT_SECONDS)
    answer: Json = json.loads(message.data)
    if error := answer.get("error"):
        if error.get("err_code") == NO_LEADER:
            msg = "the cluster has no leader at present"
            raise BrokerBusy(msg)
        raise APIError(error.get("code"), error.get("description"), error.get("err_code"))
    return answer


async def ask_unless(client: Client, path: str, body: Json | None, codes: frozenset[int]) -> Json | None:
    """Do as ``ask``, and return None when the server's refusal has one of the codes.

    Raises:
        BrokerError: no answer, or a refusal for another reason.
    """
    try:
        return await ask(client, path, body)
    except APIError as error:
        if error.err_code in codes:
            return None
        raise map_error(error) from error


def check_complete(page: Json, stream: str) -> None:
    """Refuse a list of consumers in which some are missing, because nobody speaks for them at present.

    Raises:
        BrokerBusy: there are more than it says.
    """
    if missing := page.get("missing"):
        msg = f"{stream}: {len(missing)} consumers have no leader at present"
        raise BrokerBusy(msg)


async def send_consumer(client: Client, stream: str, config: Json, action: str) -> Json:
    """Create or update a durable consumer, and return what it is then.

    Args:
        client: connected.
        stream: of the consumer.
        config: with its ``name``.
        action: ``create`` or ``update``.

    Raises:
        BrokerError: no answer, or a refusal.
    """
    name = config["name"]
    body = {"stream_name": stream, "config": config, "action": action}
    answer = await ask_unless(client, f"CONSUMER.CREATE.{stream}.{name}", body, CONSUMER_EXISTS)
    if answer is None:
        # Another process was faster; its consumer holds the position.
        answer = await ask_unless(client, f"CONSUMER.INFO.{stream}.{name}", None, frozenset())
    if answer is None:
        msg = f"the server neither creates nor has {name}"
        raise Refused(msg)
    found: Json = answer["config"]
    return found
