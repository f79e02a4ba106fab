"""What a log call takes and what it refuses: numpy's own values, and stand-ins for torch's and jax's."""

from __future__ import annotations

import contextlib
import enum
import math
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.collectors.errors import Refused
from sitewire.collectors.refusals import Reason
from sitewire.collectors.values import as_name, as_params, as_scalar, as_step, as_text, as_time
from sitewire.schemas import limits


class Tensor:
    """Behaves like a torch or jax tensor: ``item()`` for one element, an error of the library's for more."""

    def __init__(self, *elements: object) -> None:
        self.elements = elements

    def item(self) -> object:
        if len(self.elements) != 1:
            msg = "a Tensor with 2 elements cannot be converted to Scalar"
            raise RuntimeError(msg)
        return self.elements[0]


class Bfloat16:
    """Like a scalar of ml_dtypes, jax's number types: ``item()`` returns one of its own."""

    def item(self) -> Bfloat16:
        return self

    def __float__(self) -> float:
        return 1.5


class Hostile:
    """Raises whatever is asked of it."""

    @property
    def item(self) -> object:
        raise ZeroDivisionError

    def __float__(self) -> float:
        raise ZeroDivisionError

    def __repr__(self) -> str:
        raise ZeroDivisionError

    __str__ = __repr__


class Colour(str, enum.Enum):  # noqa: UP042  what people write
    """A name as a member of an enumeration."""

    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, 0.5), (3, 3.0), (True, 1.0), (-(2**63), -(2.0**63)), (10**300, 1e300), (math.inf, math.inf),
        (Decimal("0.1"), 0.1), (Fraction(1, 4), 0.25),
        (np.float64(0.5), 0.5), (np.float32(0.5), 0.5), (np.float16(0.5), 0.5), (np.int8(-3), -3.0),
        (np.uint64(2**64 - 1), 2.0**64), (np.bool_(True), 1.0), (np.longdouble(0.5), 0.5),
        (np.array(0.5), 0.5), (np.array([0.5]), 0.5), (np.array([[[2]]]), 2.0),
        (Tensor(0.25), 0.25), (Tensor(7), 7.0), (Tensor(True), 1.0), (Bfloat16(), 1.5),
    ],
)  # fmt: skip
def test_any_number_is_taken(value: object, expected: float) -> None:
    found = as_scalar(value)
    assert type(found) is float
    assert found == expected


@pytest.mark.parametrize("value", [math.nan, np.float32("nan"), Decimal("nan"), Tensor(math.nan)])
def test_nan_is_a_value(value: object) -> None:
    assert math.isnan(as_scalar(value))


@pytest.mark.parametrize(
    "value",
    [
        None, "0.5", "nan", b"0.5", bytearray(b"1"), 1j, np.complex64(1), np.str_("1"), np.bytes_(b"1"), 10**400,
        Fraction(10**400), Decimal("sNaN"), [0.5], (0.5,), {}, object(), Hostile(), float, Tensor(), Tensor(1.0, 2.0),
        Tensor("0.5"), Tensor(None), np.array([]), np.array([1.0, 2.0]), np.array("0.5"), np.array([None]),
        np.datetime64("2026-01-01"), pytest.param(10**5000, id="huge"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(Refused) as refused:
        as_scalar(value)
    assert refused.value.reason == Reason.VALUE
    assert len(str(refused.value)) < 300


@given(
    st.one_of(
        st.none(), st.text(), st.binary(), st.integers(), st.floats(), st.lists(st.floats()), st.complex_numbers()
    )
)
def test_a_value_is_a_float_or_a_refusal(value: object) -> None:
    for convert in (as_scalar, as_step, as_name, as_text, as_time):
        with contextlib.suppress(Refused):
            convert(value)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (None, None), (0, 0), (-1, -1), (2**63 - 1, 2**63 - 1), (-(2**63), -(2**63)), (True, 1), (5.0, 5),
        (np.int64(5), 5), (np.uint8(5), 5), (np.float32(5), 5), (np.array(5), 5), (Tensor(5), 5), (Tensor(5.0), 5),
        (Decimal(5), 5), (Fraction(5), 5),
    ],
)  # fmt: skip
def test_a_step_is_an_integer_of_any_library_or_none(step: object, expected: int | None) -> None:
    found = as_step(step)
    assert found == expected
    assert found is None or type(found) is int


@pytest.mark.parametrize(
    "step",
    [
        2**63,
        -(2**63) - 1,
        np.uint64(2**63),
        math.nan,
        math.inf,
        1e300,
        "5",
        b"5",
        [5],
        Hostile(),
        Tensor(1, 2),
        1j,
        pytest.param(10**5000, id="huge"),
    ],
)
@pytest.mark.parametrize("truncate", [True, False])
def test_what_is_no_step_is_refused(step: object, truncate: bool) -> None:
    with pytest.raises(Refused) as refused:
        as_step(step, truncate=truncate)
    assert refused.value.reason == Reason.STEP


@pytest.mark.parametrize("step", [1.5, np.float32(1.5), Tensor(1.5), Fraction(3, 2)])
def test_a_fraction_of_a_step_is_cut_off_only_where_the_original_does(step: object) -> None:
    assert as_step(step, truncate=True) == 1
    with pytest.raises(Refused):
        as_step(step)


@pytest.mark.parametrize("name", ["loss", "a/b.c * > %", "é" * 512, "x" * 1024, " ", "\n", "..", Colour.RED])
def test_a_name_is_any_text(name: str) -> None:
    found = as_name(name)
    assert type(found) is str
    assert found == name


@pytest.mark.parametrize("name", ["", "x" * 1025, "é" * 513, "x" * 10_000, "\udc80", None, 5, b"loss", ("a",)])
def test_what_is_no_name_is_refused(name: object) -> None:
    with pytest.raises(Refused) as refused:
        as_name(name)
    assert refused.value.reason == Reason.NAME


def test_text_that_utf8_cannot_hold_is_written_out() -> None:
    assert as_text("a\udc80b") == r"a\udc80b"
    assert as_text("é\0") == "é\0"
    with pytest.raises(Refused):
        as_text(5)


@pytest.mark.parametrize("time", [-0.001, math.nan, math.inf, limits.MAX_TIME, "now", None, Hostile()])
def test_a_time_that_no_tracker_holds_is_refused(time: object) -> None:
    with pytest.raises(Refused) as refused:
        as_time(time)
    assert refused.value.reason == Reason.TIME


def test_a_time_may_be_a_number_of_any_library() -> None:
    assert as_time(np.float64(1.5)) == 1.5
    assert as_time(0) == 0.0


def test_hyperparameters_keep_their_type_or_become_text() -> None:
    found = as_params(
        {"lr": np.float32(0.5), "n": np.int64(3), "on": np.bool_(True), "t": Tensor(2), "none": None, "s": "x",
         "big": 2**70, "betas": (0.9, 0.999), "c": Colour.RED, "several": np.array([1, 2]), "nan": math.inf}
    )  # fmt: skip
    assert found == {
        "lr": 0.5, "n": 3, "on": True, "t": 2, "none": None, "s": "x", "big": str(2**70), "betas": "(0.9, 0.999)",
        "c": str(Colour.RED), "several": "[1 2]", "nan": math.inf,
    }  # fmt: skip
    assert {name: type(value) for name, value in found.items() if name in ("lr", "n", "on")} == {
        "lr": float, "n": int, "on": bool,
    }  # fmt: skip


@pytest.mark.parametrize("params", [None, [("a", 1)], {"": 1}, {5: 1}, {"a": Hostile()}])
def test_what_is_no_mapping_of_hyperparameters_is_refused(params: object) -> None:
    with pytest.raises(Refused):
        as_params(params)


def test_no_library_of_tensors_is_imported() -> None:
    program = "import sys, sitewire.collectors.run; print(sorted({'numpy','torch','jax','nats'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
