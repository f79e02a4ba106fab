"""A connection to the broker that comes back by itself.

What differs from nats-py's defaults, and why: it reconnects for ever (they stop after 60 attempts),
with jitter (a hub that restarts would meet all sites at the same instants), notices a dead link
within 15 s (4 to 6 minutes), goes only to servers that it was told of, and prints nothing. Read in the source of 2.16.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import nats.errors
from nats.aio.client import Client, Server

from sitewire.broker_config.backoff import jitter
from sitewire.broker_config.credentials import credential_options
from sitewire.broker_config.errors import (
    AccessRefused,
    BrokerError,
    BrokerUnreachable,
    map_error,
    mapped_errors,
)
from sitewire.broker_config.patient_client import PatientClient
from sitewire.broker_config.urls import address_of, check_url, masked, split_urls

__all__ = ["Endpoint", "EventKind", "OnEvent", "check_url", "connect", "map_error", "mapped_errors", "masked"]

EventKind: TypeAlias = Literal["disconnected", "reconnected", "closed", "error", "lame_duck"]
OnEvent: TypeAlias = Callable[[EventKind, str], None]

CONNECT_TIMEOUT_SECONDS: Final = 5
PING_SECONDS: Final = 5
PINGS: Final = 2
"""A link is given up after this many unanswered pings, if nothing else comes either: within 15 s."""

RECONNECT_FIRST_SECONDS: Final = 0.5
RECONNECT_MOST_SECONDS: Final = 2.5
"""Bounds of the jittered wait before an attempt: time is left to be back in step within 5 s of a link's return."""


_CONNECT_FAILURES: Final = (BrokerError, OSError, nats.errors.Error)


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """Where the broker is and who we are there.

    Attributes:
        url: ``nats://`` or ``tls://``; may hold a user and password, or a token. Of a cluster several, with commas.
        creds: a ``.creds`` file, or a file with an nkey seed.
        ca: a PEM file with the authority that signed the server's certificate; the system's otherwise.
    """

    url: str
    creds: Path | None = None
    ca: Path | None = None

    @property
    def urls(self) -> tuple[str, ...]:
        """One for each server."""
        return split_urls(self.url)

    @property
    def place(self) -> str:
        """The URL without its secrets, for people and logs."""
        return masked(self.url)

    def __repr__(self) -> str:
        """Return the fields, the user and password masked."""
        return f"Endpoint(url={self.place!r}, creds={str(self.creds)!r}, ca={str(self.ca)!r})"


async def connect(endpoint: Endpoint, *, name: str, on_event: OnEvent | None = None, comes_back: bool = True) -> Client:
    """Connect, and stay connected until ``close`` or ``drain``.

    Only the first attempt can fail here, at each of a cluster's servers. Later the client reconnects for ever, to any
    of them, unless the server itself closes the connection for a reason that it names (credentials expired, say): then
    ``on_event`` hears ``closed``, calls raise ``ConnectionLost`` once mapped, and the caller connects anew.

    Args:
        endpoint: where to, and as whom.
        name: shown by the server in its lists of connections.
        on_event: called on the loop with what happens to the connection; must return at once.
        comes_back: False for a request that must not reach the server after a restart, when its store may be
            another: nothing is sent on a second connection, and the first loss of the link is the end.

    Raises:
        BrokerUnreachable: nobody answers there as a NATS server.
        AccessRefused: the server does not want these credentials, or we not its certificate.
        Misuse: the URL is none.
    """
    check_url(endpoint.url)
    options = await credential_options(endpoint.creds)
    if endpoint.ca is not None:
        options["tls"] = await asyncio.to_thread(_tls, endpoint.ca)
    options["allow_reconnect"] = comes_back
    failures: list[BrokerError] = []
    for urls in _turns(endpoint.urls):
        try:
            return await _connect(urls, name, options, on_event)
        except _CONNECT_FAILURES as error:
            failures.append(_first_failure(urls[0], error))
    raise _failure(endpoint, failures)


def _failure(endpoint: Endpoint, failures: list[BrokerError]) -> BrokerError:
    """Return what to say of a cluster: one server's refusal is more than that the others are down."""
    refused = next((failure for failure in failures if isinstance(failure, AccessRefused)), None)
    if refused is not None or len(failures) == 1:
        return refused or failures[0]
    failure = BrokerUnreachable(f"none of {endpoint.place} is reachable: {failures[0]}")
    failure.__cause__ = failures[0]
    return failure


def _turns(urls: tuple[str, ...]) -> list[list[str]]:
    """Return the servers once for each that may be the first, from any one on: not all clients at one server."""
    start = jitter.randrange(len(urls))
    return [[*urls[n % len(urls) :], *urls[: n % len(urls)]] for n in range(start, start + len(urls))]


async def _connect(urls: list[str], name: str, options: dict[str, Any], on_event: OnEvent | None) -> Client:
    """Connect to the first of the servers; the others are for later."""
    events = _Events(on_event)
    client = PatientClient()
    try:
        await _dial(client, urls, name, {**options, **events.callbacks(client)})
    except BaseException:  # cancellation too: no half-open client may stay behind
        events.phase = "failed"
        _drop_failed_handshake(client)
        await client.close()
        raise
    events.phase = "open"
    return client


async def _dial(client: Client, urls: list[str], name: str, options: dict[str, Any]) -> None:
    await client.connect(
        servers=urls,
        name=name,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        max_reconnect_attempts=-1,
        ping_interval=PING_SECONDS,
        max_outstanding_pings=PINGS,
        reconnect_to_server_handler=_next_attempt(frozenset(map(address_of, urls))),
        dont_randomize=True,  # it would draw from the generator that a trainer has seeded
        **options,
    )


class _Events:
    """nats-py's callbacks. Before the first connection an error ends the attempt; nats-py would go on for ever."""

    def __init__(self, report: OnEvent | None) -> None:
        self._report = report
        self.phase: Literal["connecting", "open", "failed"] = "connecting"

    def callbacks(self, client: PatientClient) -> dict[str, Any]:
        async def error_cb(error: Exception) -> None:
            if self.phase == "connecting":
                raise map_error(error) from error
            _drop_failed_handshake(client)
            self._tell("error", str(error) or type(error).__name__)

        def callback(kind: EventKind) -> Callable[[], Awaitable[None]]:
            async def tell() -> None:
                self._tell(kind, str(client.last_error or ""))
                if kind == "reconnected":
                    client.came_back()

            return tell

        return {
            "error_cb": error_cb,
            "disconnected_cb": callback("disconnected"),
            "reconnected_cb": callback("reconnected"),
            "closed_cb": callback("closed"),
            "lame_duck_mode_cb": callback("lame_duck"),
        }

    def _tell(self, kind: EventKind, text: str) -> None:
        if self._report is not None and self.phase == "open":
            self._report(kind, text.removeprefix("nats: "))


def _drop_failed_handshake(client: Client) -> None:
    """Close the socket of an attempt that failed, and make nats-py forget it.

    Left alone it stays open, one for each attempt at a server that refuses us; and after a refused
    certificate ``Client.close`` waits for ever for the end of a stream that TLS has replaced.
    """
    transport = client._transport  # noqa: SLF001  there is no public way to it
    if transport is not None and not client.is_connected:
        transport.close()  # type: ignore[no-untyped-call]  # of nats-py
        client._transport = None  # noqa: SLF001  as it is before the first attempt


def _next_attempt(
    named: Collection[tuple[str, int]],
) -> Callable[[list[Server], dict[str, Any]], tuple[Server, float]]:
    """Return what chooses a server: of those that failed least, any; nats-py's own shuffling is off (see ``_dial``).

    Only those that we were told of: what servers say of each other may be addresses that cannot be reached from here,
    or that go round a proxy; and what the URL has of a password nats-py sends to none of them.
    """

    def choose(servers: list[Server], _info: dict[str, Any]) -> tuple[Server, float]:
        ours = [item for item in servers if address_of(item.uri.geturl()) in named] or servers
        server = min(ours, key=lambda item: (item.reconnects, jitter.random()))
        most = min(RECONNECT_MOST_SECONDS, RECONNECT_FIRST_SECONDS * 2.0 ** min(server.reconnects, 10))
        return server, jitter.uniform(0.05, most)

    return choose


def _tls(ca: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca))
    except OSError as error:
        msg = f"the certificate authority cannot be read: {ca}: {error.strerror or error}"
        raise AccessRefused(msg) from error


def _first_failure(url: str, error: BaseException) -> BrokerError:
    found = map_error(error)
    # Before a connection a refusal comes as text: -ERR 'Authorization Violation'.
    refused = isinstance(found, AccessRefused) or "authorization" in str(found).lower()
    if refused:
        failure: BrokerError = AccessRefused(f"{masked(url)} refuses us: {found}")
    else:
        failure = BrokerUnreachable(f"{masked(url)} is not reachable: {_why(error.__cause__ or error) or found}")
    failure.__cause__ = error
    return failure


def _why(error: BaseException) -> str:
    """Return words for the two failures that are met most; the system's own say little to who meets them first."""
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there (connection refused)"
    if isinstance(error, TimeoutError):
        return "no NATS server has answered there (timeout)"
    return ""
