"""What an error of MLflow's, or of what lies between, means for us.

::

    Temporary
    ├── PlaceDown     the tracker as a whole: refused, timed out, 5xx, a log-in that fails, no MLflow at all
    │   └── Throttled 429, or 503 with ``Retry-After``
    ├── NotThere      a run or experiment does not exist: whoever opens it finds out, and makes it again
    ├── AlreadyThere  somebody was faster
    ├── RunDeleted    a person has put the run or its experiment into the bin
    └── Temporary     one run's: two owners at once, a proxy's limit, no right to its experiment; it is opened again
    Permanent
    └── BatchRefused  some record of the request is not to MLflow's liking
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import requests
import sqlalchemy.exc
from mlflow.exceptions import MlflowException

from sitewire.workers.errors import BatchRefused, PlaceDown, Temporary, Throttled, WorkerError, from_os_error

MOST_SAID: Final = 400  # characters of what MLflow says

LOG_IN: Final = "look at token_file, or username and password_file"
NO_RIGHT: Final = "PERMISSION_DENIED"
GIVE_IT: Final = "let the sink's user edit that experiment"
NO_MLFLOW: Final = "is tracking_uri the URL of an MLflow tracking server?"


class NotThere(Temporary):
    """A run or an experiment does not exist."""


class AlreadyThere(Temporary):
    """An experiment of that name exists."""


class RunDeleted(Temporary):
    """The run, or its experiment, is in MLflow's bin; the message says how to restore it."""


def _place(text: str) -> WorkerError:
    return PlaceDown(text)


def _throttled(text: str) -> WorkerError:
    return Throttled(text)


def _log_in(text: str) -> WorkerError:
    return PlaceDown(f"{text}; {LOG_IN}")


def _no_permission(text: str) -> WorkerError:
    """Return what a permission that lacks means: MLflow gives them by experiment, so runs of others go on."""
    return Temporary(f"{text}; {GIVE_IT}")


def _no_mlflow(text: str) -> WorkerError:
    return PlaceDown(f"{text}; {NO_MLFLOW}")


def _not_there(text: str) -> WorkerError:
    return NotThere(text)


def _already_there(text: str) -> WorkerError:
    return AlreadyThere(text)


def _conflict(text: str) -> WorkerError:
    return Temporary(text)


_OURS_TO_REPAIR: Final = re.compile(
    # Two owners at once: their second try finds what the other has written.
    r"UNIQUE constraint|duplicate key|Duplicate entry|FOREIGN KEY|foreign key|IntegrityError"
    r"|Changing param values|deadlock"
    # Somebody has deleted it: opening it again says so.
    r"|must be in the 'active' state"
)


def _refused(text: str) -> WorkerError:
    return Temporary(text) if _OURS_TO_REPAIR.search(text) else BatchRefused(text)


def _database(text: str) -> WorkerError:
    """Return what MLflow's 400 for errors of its database means: a value that it cannot hold, or two at once."""
    return BatchRefused(text) if "DataError" in text else Temporary(text)


CODES: Final[dict[str, Callable[[str], WorkerError]]] = {
    "INVALID_PARAMETER_VALUE": _refused,
    "BAD_REQUEST": _database,
    "RESOURCE_DOES_NOT_EXIST": _not_there,
    "NOT_FOUND": _not_there,
    "RESOURCE_ALREADY_EXISTS": _already_there,
    "ALREADY_EXISTS": _already_there,
    "RESOURCE_CONFLICT": _conflict,
    "ABORTED": _conflict,
    "COULD_NOT_ACQUIRE_LOCK": _conflict,
    "INVALID_STATE_TRANSITION": _conflict,
    "RESOURCE_EXHAUSTED": _throttled,
    "REQUEST_LIMIT_EXCEEDED": _throttled,
    "QUOTA_EXCEEDED": _throttled,
    "RESOURCE_LIMIT_EXCEEDED": _throttled,
    "UNAUTHENTICATED": _log_in,
    "CUSTOMER_UNAUTHORIZED": _log_in,
    NO_RIGHT: _no_permission,
    "ENDPOINT_NOT_FOUND": _no_mlflow,
    "NOT_IMPLEMENTED": _no_mlflow,
    "FEATURE_DISABLED": _no_mlflow,
    "INTERNAL_ERROR": _place,
    "TEMPORARILY_UNAVAILABLE": _place,
    "SERVICE_UNDER_MAINTENANCE": _place,
    "WORKSPACE_TEMPORARILY_UNAVAILABLE": _place,
    "IO_ERROR": _place,
    "DEADLINE_EXCEEDED": _place,
    "CANCELLED": _place,
    "DATA_LOSS": _place,
    "INVALID_STATE": _place,
    "MALFORMED_REQUEST": _place,
    "UNPARSEABLE_HTTP_ERROR": _place,
}
"""By MLflow's error code. The codes that are not here are Databricks' own, of services that the sink never calls."""


def from_code(code: str, text: str) -> WorkerError:
    """Return our error for one of MLflow's codes; one that is not known is the place's: nothing is passed over."""
    return CODES.get(code, _place)(f"MLflow: {code}: {shortened(text)}")


_STATEMENT: Final = re.compile(r"\s*(?:\[SQL: |\(Background on this error at: ).*", re.DOTALL)
"""What SQLAlchemy puts behind a database's own words: the statement, its parameters, and a link."""

_AUTOFLUSH: Final = re.compile(r"\(raised as a result of [^)]*\)\s*")
"""What it puts before them."""

_TITLE: Final = re.compile(r"<title>(.*?)</title>", re.DOTALL | re.IGNORECASE)


def shortened(text: str) -> str:
    """Return what is worth reading of an error's text."""
    page = _TITLE.search(text)  # somebody else's: a proxy's, or the wrong server's
    plain = " ".join((page[1] if page else _STATEMENT.sub("", _AUTOFLUSH.sub("", text))).split())
    return plain if len(plain) <= MOST_SAID else f"{plain[:MOST_SAID]}..."


def from_requests(error: requests.RequestException, url: str) -> WorkerError:
    """Return our error for one of the HTTP client: every one of them says that the place cannot be reached."""
    if isinstance(error, requests.Timeout):
        return PlaceDown(f"{url} does not answer in time (timeout_seconds)")
    if isinstance(error, requests.exceptions.SSLError):
        return PlaceDown(f"{url}: {_reason(error)}; look at ca_file")
    if isinstance(error, requests.ConnectionError):
        return PlaceDown(f"{url} cannot be reached: {_reason(error)}")
    return PlaceDown(f"{url}: {shortened(str(error))}")


def _reason(error: requests.ConnectionError) -> str:
    """Return the reason alone: what is around it repeats addresses of objects."""
    inner = error.args[0] if error.args else error
    return shortened(str(getattr(inner, "reason", inner)))


@contextmanager
def mlflow_errors_as_ours(place: str) -> Iterator[None]:
    """Raise our error in the place of one of MLflow's, of its database's or of its files': the edge to MLflow.

    Args:
        place: the tracking URI, for messages.
    """
    try:
        yield
    except MlflowException as error:
        raise from_code(str(error.error_code), str(error)) from error
    except requests.RequestException as error:  # before OSError, of which it is one
        raise from_requests(error, place) from error
    except sqlalchemy.exc.SQLAlchemyError as error:
        msg = f"{place}: {type(error).__name__}: {shortened(str(error))}"
        raise PlaceDown(msg) from error
    except OSError as error:
        raise from_os_error(error, Path(place.removeprefix("sqlite:///"))) from error
