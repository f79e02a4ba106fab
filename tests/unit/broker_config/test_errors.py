from __future__ import annotations

import asyncio
import inspect
import ssl
from types import ModuleType
from typing import Any

import nats.aio.errors
import nats.errors
import nats.js.errors
import pytest
from nats.js.errors import APIError, BadRequestError, ServiceUnavailableError

from sitewire.broker_config import errors
from sitewire.broker_config.errors import (
    ERRORS,
    BrokerBusy,
    BrokerError,
    BrokerTimeout,
    BrokerUnreachable,
    Conflict,
    Permanent,
    Refused,
    StreamFull,
    Temporary,
    map_error,
    mapped_errors,
)

OURS_BY_INHERITANCE = {
    # Deprecated names and finer kinds whose parents say enough.
    "UnexpectedEOF",
    "FlushTimeoutError",
    "DrainTimeoutError",
    "FetchTimeoutError",
    "ConsumerInvalidResetError",
    "BucketNotFoundError",
    "BadBucketError",
    "KeyValueError",
    "ObjectNotFoundError",
    "ObjectDeletedError",
    "ObjectAlreadyExists",
    "KeyValueLimitMarkerTTLNotSupportedError",
}


def exceptions_of(module: ModuleType) -> list[type[Exception]]:
    found = inspect.getmembers(module, lambda item: inspect.isclass(item) and issubclass(item, Exception))
    return [item for _, item in found if item.__module__ == module.__name__]


@pytest.mark.parametrize("kind", [*exceptions_of(nats.errors), *exceptions_of(nats.js.errors)])
def test_every_error_of_nats_py_has_a_meaning_that_somebody_decided(kind: type[Exception]) -> None:
    assert kind in ERRORS or kind.__name__ in OURS_BY_INHERITANCE
    assert isinstance(map_error(made(kind)), (Temporary, Permanent))


def made(kind: type[Exception]) -> Exception:
    """An object of it, whatever its constructor asks for."""
    error: Any = kind.__new__(kind)
    for name in ("description", "key", "subject", "sid", "sub", "reply", "code", "err_code", "op", "_msg", "message"):
        setattr(error, name, None)
    for name in ("consumer_sequence", "last_consumer_sequence", "stream_resume_sequence"):
        setattr(error, name, 1)
    return error  # type: ignore[no-any-return]  # it is one


@pytest.mark.parametrize("kind", exceptions_of(nats.aio.errors))
def test_deprecated_names_mean_the_same(kind: type[Exception]) -> None:
    assert isinstance(map_error(made(kind)), (Temporary, Permanent))


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (TimeoutError(), BrokerTimeout),
        (asyncio.TimeoutError(), BrokerTimeout),  # noqa: UP041  the old name is what fetch() was written with
        (nats.errors.TimeoutError(), BrokerTimeout),
        (nats.js.errors.FetchTimeoutError(), BrokerTimeout),
        (ConnectionRefusedError(111, "refused"), BrokerUnreachable),
        (ssl.SSLCertVerificationError("self-signed"), errors.AccessRefused),
        (ServiceUnavailableError(503, "maximum bytes exceeded", 10077), StreamFull),
        (ServiceUnavailableError(503, "starting", 10008), BrokerBusy),
        (BadRequestError(400, "wrong last sequence: 5", 10071), Conflict),
        (BadRequestError(400, "whatever", 10003), Refused),
        (APIError(409, "whatever", 1), Refused),
    ],
)
def test_meanings(error: Exception, meaning: type[BrokerError]) -> None:
    assert type(map_error(error)) is meaning


def test_what_is_none_of_the_brokers_errors_is_not_renamed() -> None:
    with pytest.raises(TypeError):
        map_error(KeyError("x"))
    with pytest.raises(KeyError), mapped_errors():
        raise KeyError


def test_ours_pass_through_and_causes_are_kept() -> None:
    ours = Refused("no")
    assert map_error(ours) is ours
    with pytest.raises(Refused) as caught, mapped_errors():
        raise ours
    assert caught.value is ours
    with pytest.raises(BrokerTimeout) as caught_timeout, mapped_errors():
        raise TimeoutError
    assert isinstance(caught_timeout.value.__cause__, TimeoutError)


async def test_cancellation_is_no_error() -> None:
    with pytest.raises(asyncio.CancelledError), mapped_errors():
        raise asyncio.CancelledError
