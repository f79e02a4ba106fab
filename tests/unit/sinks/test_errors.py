"""Each error of the operating system is one of ours, and only one of them sends records to the dead letters."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from sitewire.workers.errors import Permanent, SinkMisconfigured, SinkUnavailable, Temporary, from_os_error

PLACE = Path("/place")


@pytest.mark.parametrize("number", sorted(errno.errorcode), ids=lambda number: errno.errorcode[number])
def test_every_errno_is_mapped(number: int) -> None:
    error = from_os_error(OSError(number, "text"), PLACE)
    assert isinstance(error, Temporary) != isinstance(error, Permanent)
    assert str(error) == "/place: text"


@pytest.mark.parametrize(
    "name", ["ENOSPC", "EIO", "EDQUOT", "ENOTDIR", "EEXIST", "EACCES", "EROFS", "EMFILE", "ESTALE"]
)
def test_what_an_operator_can_mend_is_tried_again(name: str) -> None:
    error = from_os_error(OSError(getattr(errno, name), name, "/place/file"), PLACE)
    assert isinstance(error, SinkUnavailable)
    assert error.errno == getattr(errno, name)
    assert str(error) == f"/place/file: {name}"


def test_a_path_that_is_too_long_will_not_get_shorter() -> None:
    assert isinstance(from_os_error(OSError(errno.ENAMETOOLONG, "too long"), PLACE), SinkMisconfigured)


def test_an_error_without_a_number_is_temporary_too() -> None:
    error = from_os_error(OSError("what"), PLACE)
    assert isinstance(error, SinkUnavailable)
    assert (error.errno, str(error)) == (0, "/place: what")
