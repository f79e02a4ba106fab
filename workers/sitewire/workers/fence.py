"""Whether a partition is still delivered to the place that this worker writes to."""

from __future__ import annotations

from nats.aio.client import Client

from sitewire.broker_config.moving import Standing, read_standing
from sitewire.broker_config.names import consumer_name
from sitewire.workers.errors import RouteMoved


class Fence:
    """Asked before anything is pulled, by an owner whose lease is stored, and again after each connection.

    Who moves a route marks its consumers before it looks at the leases. So an owner that it does not see finds the mark
    here, and one that finds no mark is seen, and waited for until it has stopped.

    Args:
        client: connected.
        route: the route's name.
        partition: which.
        sink: the identity of the place, as the config file has it.
    """

    def __init__(self, client: Client, route: str, partition: int, sink: str) -> None:
        self._client = client
        self._route = route
        self._consumer = consumer_name(route, partition)
        self._sink = sink

    async def check(self) -> None:
        """Return if what is acknowledged now is about this place.

        Raises:
            RouteMoved: it is not.
            BrokerError: no answer.
        """
        standing = await read_standing(self._client, self._consumer, self._sink)
        if standing is Standing.MOVING:
            msg = f"route {self._route} moves to {self._sink}, and is not filled from its start yet"
            raise RouteMoved(msg)
        if standing is Standing.ELSEWHERE:
            msg = f"route {self._route} was moved away from {self._sink} by another config file"
            raise RouteMoved(msg)
