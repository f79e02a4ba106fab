"""What can go wrong with the broker, and what nats-py's errors mean here.

::

    BrokerError
    ├── Temporary                trying again may help, nothing here has to change first
    │   ├── BrokerUnreachable    no connection could be made, or nobody answers a request
    │   ├── ConnectionLost       this client is closed or closing: connect anew
    │   ├── BrokerTimeout        no answer in time; what was asked may have happened
    │   ├── BrokerBusy           503, 500, a full buffer: the broker or this client has too much to do
    │   │   └── StreamFull       the stream's bound is reached: back-pressure
    │   └── AccessRefused        credentials or rights; they are mended at the server or in the file
    └── Permanent                the same call will fail again
        ├── NotThere             the stream, consumer, bucket, key or message does not exist
        ├── Conflict             somebody else wrote first: a compare-and-set lost
        ├── Refused              the server understood the request and will not do it
        ├── TooLarge             more than the server's payload limit
        ├── Misuse               a call that no server could fulfil: a defect of ours
        └── ConfigInvalid        the config file has problems (``load``)
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import nats.errors
import nats.js.errors

from sitewire.broker_config.problem import Problem


class BrokerError(Exception):
    """Base of everything that this folder raises."""


class Temporary(BrokerError):
    """Trying again later may help."""


class Permanent(BrokerError):
    """Trying the same again cannot help."""


class BrokerUnreachable(Temporary):
    """No connection could be made, or nobody answers under a subject (JetStream may still be starting)."""


class ConnectionLost(Temporary):
    """The client is closed, draining or between two connections; a closed one has to be replaced."""


class BrokerTimeout(Temporary):
    """No answer in time. The request may have been fulfilled all the same."""


class BrokerBusy(Temporary):
    """The server, or a buffer of this client, has no room or no time now."""


class StreamFull(BrokerBusy):
    """The stream refuses new messages until something is trimmed (``discard: new``)."""


class AccessRefused(Temporary):
    """Credentials or rights do not suffice.

    Temporary, because they are mended elsewhere, at the server or in the credentials file, which is
    read again at each connection; a training run must not lose its publisher to it.
    """


class NotThere(Permanent):
    """A stream, consumer, bucket, key or message does not exist."""


class Conflict(Permanent):
    """The last sequence is not the expected one: somebody else wrote first."""


class Refused(Permanent):
    """The server understood the request and will not fulfil it."""


class TooLarge(Permanent):
    """A message exceeds the server's payload limit."""


class Misuse(Permanent):
    """A subject, name or call that is invalid in itself."""


class ConfigInvalid(Permanent):
    """The config file has problems.

    Attributes:
        problems: all of them, in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


_N = nats.errors
_J = nats.js.errors

ERRORS: Final[Mapping[type[BaseException], type[BrokerError]]] = {
    # Sub-classes of an entry take its meaning unless they have an entry of their own.
    _N.Error: BrokerUnreachable,  # bare: what the server said in -ERR, or a broken handshake
    _N.TimeoutError: BrokerTimeout,
    _N.NoRespondersError: BrokerUnreachable,
    _N.StaleConnectionError: ConnectionLost,
    _N.OutboundBufferLimitError: BrokerBusy,
    _N.ConnectionClosedError: ConnectionLost,
    _N.ConnectionDrainingError: ConnectionLost,
    _N.ConnectionReconnectingError: ConnectionLost,
    _N.SecureConnRequiredError: AccessRefused,
    _N.SecureConnWantedError: AccessRefused,
    _N.SecureConnFailedError: AccessRefused,
    _N.AuthorizationError: AccessRefused,
    _N.InvalidUserCredentialsError: AccessRefused,
    _N.NoServersError: BrokerUnreachable,
    _N.ServerNotInPoolError: BrokerUnreachable,
    _N.JsonParseError: BrokerUnreachable,
    _N.ProtocolError: ConnectionLost,
    _N.SlowConsumerError: BrokerBusy,
    _N.MaxPayloadError: TooLarge,
    _N.BadSubscriptionError: Misuse,
    _N.BadSubjectError: Misuse,
    _N.BadHeaderError: Misuse,
    _N.BadTimeoutError: Misuse,
    _N.InvalidCallbackTypeError: Misuse,
    _N.NotJSMessageError: Misuse,
    _N.MsgAlreadyAckdError: Misuse,
    _J.Error: Refused,
    _J.APIError: Refused,
    _J.ServiceUnavailableError: BrokerBusy,
    _J.ServerError: BrokerBusy,
    _J.NotFoundError: NotThere,
    _J.BadRequestError: Refused,
    _J.NoStreamResponseError: BrokerUnreachable,  # no stream takes the subject, or JetStream is not up yet
    _J.TooManyStalledMsgsError: BrokerBusy,
    _J.ConsumerSequenceMismatchError: ConnectionLost,
    _J.KeyWrongLastSequenceError: Conflict,
    _J.KeyNotFoundError: NotThere,
    _J.KeyDeletedError: NotThere,
    _J.NoKeysError: NotThere,
    _J.KeyHistoryTooLargeError: Misuse,
    _J.InvalidKeyError: Misuse,
    _J.InvalidBucketNameError: Misuse,
    _J.InvalidObjectNameError: Misuse,
    _J.BadObjectMetaError: Misuse,
    _J.LinkIsABucketError: Misuse,
    _J.DigestMismatchError: BrokerBusy,  # the bytes on the way were not those stored: read again
    # fetch() and the dialling raise these builtins besides nats-py's own types.
    TimeoutError: BrokerTimeout,
    ssl.SSLCertVerificationError: AccessRefused,
    OSError: BrokerUnreachable,
    asyncio.InvalidStateError: ConnectionLost,  # nats-py's futures after a disconnect
}

_STREAM_FULL: Final = frozenset({10077, 10122})
"""Error codes of the server: the stream's, and the account's or server's storage is used up."""

_WRONG_LAST: Final = frozenset({10071, 10164})
"""Error codes of the server: the last sequence, of the stream or of the subject, is another one."""

_LATER: Final = frozenset({500, 503})
"""Codes of an answer: a server that fails, or a cluster without a leader, which elects one within seconds."""


def map_error(error: BaseException) -> BrokerError:
    """Return what an error of nats-py means here; one of ours comes back as it is.

    Raises:
        TypeError: it is not an error of the broker at all.
    """
    if isinstance(error, BrokerError):
        return error
    for base in type(error).__mro__:
        if base in ERRORS:
            meaning = _by_code(error) or ERRORS[base]
            return meaning(_text(error))
    msg = f"not an error of the broker: {error!r}"
    raise TypeError(msg) from error


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Raise our errors in the place of nats-py's, the cause kept."""
    try:
        yield
    except tuple(ERRORS) as error:
        raise map_error(error) from error


def _by_code(error: BaseException) -> type[BrokerError] | None:
    code = getattr(error, "err_code", None)
    if code in _STREAM_FULL:
        return StreamFull
    if code in _WRONG_LAST:
        return Conflict
    return BrokerBusy if getattr(error, "code", None) in _LATER else None


def _text(error: BaseException) -> str:
    # A builtin TimeoutError has no text of its own.
    return str(error).removeprefix("nats: ") or type(error).__name__
