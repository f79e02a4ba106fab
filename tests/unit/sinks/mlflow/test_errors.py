"""What errors of MLflow, and of what lies between, mean: every one of them means something."""

from __future__ import annotations

import inspect
import json
import sqlite3
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest
import requests
import requests.exceptions
import sqlalchemy.exc
import urllib3
import urllib3.exceptions
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import ErrorCode

from sitewire.workers.errors import BatchRefused, PlaceDown, SinkUnavailable, Temporary, Throttled, WorkerError
from sitewire.workers.sinks.mlflow.channel import from_answer
from sitewire.workers.sinks.mlflow.errors import (
    CODES,
    MOST_SAID,
    AlreadyThere,
    NotThere,
    from_code,
    from_requests,
    mlflow_errors_as_ours,
)

URL = "http://mlflow:5000"

OF_OTHER_SERVICES = (
    "CATALOG_", "DAC_", "DEPLOYMENT_", "DIRECTORY_", "DRY_RUN_", "EXTERNAL_LOCATION_", "GIT_", "INSECURE_PARTNER_",
    "IPYNB_", "MALFORMED_PARTNER_", "MANAGED_RESOURCE_GROUP_", "MAX_", "METASTORE_", "PARTIAL_DELETE",
    "PERMISSION_NOT_", "PRINCIPAL_", "PROJECTS_", "PROVIDER_", "RECIPIENT_", "SCHEMA_", "SEARCH_QUERY_", "SHARE_",
    "STORAGE_CREDENTIAL_", "TABLE_",
)  # fmt: skip
"""How codes begin that no tracking store gives: of Databricks' file system, notebooks, catalogs and partners."""


def test_every_error_code_of_mlflow_has_a_meaning() -> None:
    unknown = {code for code in ErrorCode.keys() if code not in CODES}  # noqa: SIM118  a protobuf enumeration, no map
    assert {code for code in unknown if not code.startswith(OF_OTHER_SERVICES)} == set()
    assert set(CODES) <= set(ErrorCode.keys())
    for code in ErrorCode.keys():  # noqa: SIM118  the same
        assert isinstance(from_code(code, "text"), WorkerError)


@pytest.mark.parametrize("code", sorted(CODES))
def test_an_error_in_this_process_means_what_it_means_over_http(code: str) -> None:
    with pytest.raises(WorkerError) as caught, mlflow_errors_as_ours(URL):
        raise MlflowException(message="text", error_code=ErrorCode.Value(code))
    over_http = from_answer(_answer(418, f'{{"error_code": "{code}", "message": "text"}}'), URL)
    assert type(caught.value) is type(from_code(code, "text")) is type(over_http)


def test_an_unknown_code_is_never_the_records_fault() -> None:
    assert type(from_code("SOMETHING_NEW", "text")) is PlaceDown


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        ("INVALID_PARAMETER_VALUE", "Invalid value for parameter 'metrics[0].key'", BatchRefused),
        ("INVALID_PARAMETER_VALUE", "The run x must be in the 'active' state. Current state is deleted.", Temporary),
        ("INVALID_PARAMETER_VALUE", "Changing param values is not allowed. Params were already logged", Temporary),
        ("BAD_REQUEST", "(sqlite3.IntegrityError) UNIQUE constraint failed: params.key, params.run_uuid", Temporary),
        ("BAD_REQUEST", "(psycopg2.errors.UniqueViolation) duplicate key value violates unique", Temporary),
        ("BAD_REQUEST", "(psycopg2.errors.NumericValueOutOfRange) DataError", BatchRefused),
        ("BAD_REQUEST", "something else", Temporary),
        ("RESOURCE_DOES_NOT_EXIST", "Run with id=x not found", NotThere),
        ("RESOURCE_ALREADY_EXISTS", "Experiment(name=x) already exists", AlreadyThere),
        ("TEMPORARILY_UNAVAILABLE", "(sqlite3.OperationalError) database is locked", PlaceDown),
        ("REQUEST_LIMIT_EXCEEDED", "too many", Throttled),
    ],
)
def test_the_text_decides_where_the_code_does_not(code: str, text: str, kind: type[WorkerError]) -> None:
    assert type(from_code(code, text)) is kind


def test_a_databases_own_words_are_repeated_and_its_statement_is_not() -> None:
    original = sqlite3.OperationalError("no such table: tags")
    error = sqlalchemy.exc.OperationalError('SELECT "key" FROM tags', {"a": "secret"}, original, code="e3q8")
    with pytest.raises(PlaceDown) as caught, mlflow_errors_as_ours(URL):
        raise error
    assert str(caught.value) == f"{URL}: OperationalError: (sqlite3.OperationalError) no such table: tags"
    over_http = from_answer(
        _answer(503, f'{{"error_code": "TEMPORARILY_UNAVAILABLE", "message": {json.dumps(str(error))}}}'), URL
    )
    assert str(over_http) == "MLflow: TEMPORARILY_UNAVAILABLE: (sqlite3.OperationalError) no such table: tags"


def test_every_error_of_the_http_client_says_that_the_place_is_down() -> None:
    kinds = [
        kind
        for _, kind in inspect.getmembers(requests.exceptions, inspect.isclass)
        if issubclass(kind, requests.RequestException)
    ]
    assert len(kinds) > 15
    for kind in kinds:
        error = kind.__new__(kind)
        assert type(from_requests(error, URL)) is PlaceDown
        with pytest.raises(PlaceDown), mlflow_errors_as_ours(URL):
            raise error


def test_every_error_of_the_database_says_that_the_place_is_down() -> None:
    for _, kind in inspect.getmembers(sqlalchemy.exc, inspect.isclass):
        if issubclass(kind, sqlalchemy.exc.SQLAlchemyError):
            with pytest.raises(PlaceDown), mlflow_errors_as_ours("sqlite:////m.db"):
                raise _made(kind)


def test_an_error_of_the_operating_system_is_one() -> None:
    with pytest.raises(SinkUnavailable), mlflow_errors_as_ours("sqlite:////m.db"):
        Path("/nonexistent/file").read_text()


@pytest.mark.parametrize("status", [500, 502, 504, 400, 404, 418, 401, 403, 408, 302, 503])
def test_an_answer_that_is_not_mlflows_says_that_the_place_is_down(status: int) -> None:
    answer = _answer(status, "<html>no</html>", Location="http://elsewhere")
    assert type(from_answer(answer, URL)) is PlaceDown


def test_a_request_that_is_too_large_for_a_proxy_concerns_one_run() -> None:
    error = from_answer(_answer(413, "<html>"), URL)
    assert type(error) is Temporary
    assert "1 MB" in str(error)


@pytest.mark.parametrize("text", ["Permission denied", '{"error_code": "PERMISSION_DENIED", "message": "no"}'])
def test_a_right_that_lacks_is_the_trouble_of_an_experiments_runs_and_not_of_the_place(text: str) -> None:
    error = from_answer(_answer(403, text), URL)
    assert type(error) is Temporary
    assert "let the sink's user edit" in str(error)


def test_what_has_to_be_done_is_said() -> None:
    assert "--allowed-hosts" in str(from_answer(_answer(403, "Invalid Host header"), URL))
    assert "token_file" in str(from_answer(_answer(401, "no"), URL))
    assert "http://elsewhere" in str(from_answer(_answer(308, "", Location="http://elsewhere"), URL))
    assert "tracking server" in str(from_answer(_answer(404, "<html>"), URL))
    assert len(str(from_answer(_answer(500, "x" * 100_000), URL))) < 2 * MOST_SAID


def test_of_a_page_its_title_is_said_and_of_a_failed_handshake_its_reason() -> None:
    page = "<!DOCTYPE HTML>\n<html><head><title>Bad\nGateway</title></head><body>...</body></html>"
    assert str(from_answer(_answer(502, page), URL)) == f"{URL}: HTTP 502: Bad Gateway"
    pool = urllib3.HTTPConnectionPool("mlflow", 5000)
    reason = urllib3.exceptions.SSLError("[SSL: WRONG_VERSION_NUMBER] wrong version number")
    error = requests.exceptions.SSLError(urllib3.exceptions.MaxRetryError(pool, "/api", reason))
    assert str(from_requests(error, URL)) == f"{URL}: {reason}; look at ca_file"


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, None, None),
        (429, "7", 7.0),
        (429, "0.5", 0.5),
        (429, "-1", 0.0),
        (429, "soon", None),
        (429, "inf", None),
        (503, "30", 30.0),
    ],
)
def test_a_server_that_asks_to_be_left_alone_says_for_how_long(
    status: int, header: str | None, seconds: float | None
) -> None:
    error = from_answer(_answer(status, "{}", **({"Retry-After": header} if header else {})), URL)
    assert isinstance(error, Throttled)
    assert error.seconds == seconds


def test_a_date_is_understood_too() -> None:
    error = from_answer(_answer(503, "{}", **{"Retry-After": formatdate(time() + 60, usegmt=True)}), URL)
    assert isinstance(error, Throttled)
    assert error.seconds == pytest.approx(60, abs=3)


def _made(kind: type[sqlalchemy.exc.SQLAlchemyError]) -> sqlalchemy.exc.SQLAlchemyError:
    if issubclass(kind, sqlalchemy.exc.DBAPIError):
        return kind("", {}, Exception())
    if issubclass(kind, sqlalchemy.exc.StatementError):
        return kind("", "", {}, Exception())
    return kind.__new__(kind)


def _answer(status: int, text: str, **headers: str) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer._content = text.encode()
    answer.headers.update(headers)
    return answer
