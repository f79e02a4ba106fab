"""What a trainer passes to a log call, to what a record holds; anything else is refused, by reason.

Numbers of any library come in without importing one: numpy's, torch's, jax's and others' scalars
and arrays of one element have ``item()``, the rest has ``__float__``. The originals take arrays of
one element of any number of dimensions (tensorboardX squeezes them), so these are taken too.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any, Final, SupportsFloat, SupportsIndex, TypeAlias

from sitewire.collectors.errors import Refused
from sitewire.collectors.refusals import Reason, describe
from sitewire.schemas import limits
from sitewire.schemas.record import Primitive

Scalar: TypeAlias = SupportsFloat | SupportsIndex
"""What type checkers let through as a number."""

Step: TypeAlias = SupportsFloat | SupportsIndex | None

_NEVER_NUMBERS: Final = (str, bytes, bytearray, memoryview, complex, type(None))
_EXACT: Final = (str, bool, float, type(None))


def as_scalar(value: object) -> float:
    """Return the value as a float: NaN and infinities too, booleans as 0 and 1.

    Raises:
        Refused: text, bytes, nothing, complex, more than one element, beyond a float's range, or
            an object whose conversion fails.
    """
    if type(value) is float:
        return value
    try:
        return float(_number(value))
    except OverflowError as error:
        raise Refused(Reason.VALUE, f"beyond the range of a float: {describe(value)}") from error
    except Exception as error:  # a conversion is foreign code and may raise anything
        raise Refused(Reason.VALUE, f"not one number: {describe(value)} ({type(error).__name__})") from error


def as_step(step: object, *, truncate: bool = False) -> int | None:
    """Return the step as an integer, or ``None``, which is "no step" and not 0.

    Args:
        step: an integer of any library, or a float.
        truncate: cut a float's fraction off, as ``SummaryWriter`` does; otherwise it has to be integral.

    Raises:
        Refused: anything else, NaN included, or beyond a signed 64-bit integer.
    """
    if step is None:
        return None
    if type(step) is not int:
        step = _as_int(step, truncate=truncate)
    if not limits.MIN_STEP <= step <= limits.MAX_STEP:
        raise Refused(Reason.STEP, f"a step is a signed 64-bit integer: {describe(step)}")
    return step


def as_name(name: object) -> str:
    """Return the name of a metric: any text but the empty one, up to ``limits.MAX_RECORD_NAME_BYTES``.

    Text that UTF-8 cannot hold is refused: replacing it could make two names one.

    Raises:
        Refused: it is none.
    """
    if not isinstance(name, str):
        raise Refused(Reason.NAME, f"a name is text, not {describe(name)}")
    try:
        size = len(name.encode())
    except UnicodeEncodeError as error:
        raise Refused(Reason.NAME, f"not text that UTF-8 can hold: {describe(name)}") from error
    if not 0 < size <= limits.MAX_RECORD_NAME_BYTES:
        raise Refused(Reason.NAME, f"a name has 1 to {limits.MAX_RECORD_NAME_BYTES} bytes, this one {size}")
    # Of a subclass, an enumeration's member say, the text itself.
    return str.__str__(name)


def as_text(text: object) -> str:
    r"""Return the text; what UTF-8 cannot hold (lone surrogates) is written out as ``\udc80``, so nothing is lost.

    Raises:
        Refused: it is not text.
    """
    if not isinstance(text, str):
        raise Refused(Reason.TEXT, f"not text: {describe(text)}")
    return text.encode(errors="backslashreplace").decode()


def as_time(time: object) -> float:
    """Return the time, in seconds since the epoch, UTC.

    Raises:
        Refused: not a finite number from 0 up to ``limits.MAX_TIME``.
    """
    try:
        seconds = as_scalar(time)
    except Refused:
        seconds = math.nan
    if not 0.0 <= seconds < limits.MAX_TIME:
        raise Refused(Reason.TIME, f"not seconds since the epoch: {describe(time)}")
    return seconds


def as_params(params: object) -> dict[str, Primitive]:
    """Return hyperparameters as primitives: numbers of any library as numbers, everything else as its text.

    Raises:
        Refused: not a mapping, a name that is none, or a value that cannot be written as text.
    """
    if not isinstance(params, Mapping):
        raise Refused(Reason.VALUE, f"hyperparameters are a mapping, not {describe(params)}")
    return {as_name(name): as_primitive(value) for name, value in params.items()}


def as_primitive(value: object) -> Primitive:
    """Return a parameter's or a summary's value: a number of any library as a number, everything else as its text.

    Integers beyond 64 bits are written out as text.

    Raises:
        Refused: its ``str()`` fails.
    """
    try:
        plain = value if type(value) in _EXACT else _item_or_itself(value)
        if isinstance(plain, bool) or plain is None:
            return plain
        if isinstance(plain, int) and limits.MIN_STEP <= plain <= limits.MAX_STEP:
            return int(plain)
        return float(plain) if isinstance(plain, float) else as_text(str(plain))
    except Exception as error:  # str() is foreign code here and may raise anything
        raise Refused(Reason.VALUE, f"neither a number nor anything that can be written: {describe(value)}") from error


def _item_or_itself(value: object) -> object:
    try:
        return _item(value)
    except Exception:  # noqa: BLE001  an array of several elements, each library with its own error: its text is kept
        return value


def _number(value: object) -> Any:  # noqa: ANN401  what it can be converted to, it says itself
    """Return what is to be converted.

    Raises:
        TypeError: text, bytes, nothing or complex: ``float`` would read the first two.
        Exception: whatever the value's own ``item`` raises.
    """
    number = _item(value)
    if isinstance(number, _NEVER_NUMBERS):
        msg = f"a {type(number).__name__} is no number"
        raise TypeError(msg)
    return number


def _item(value: object) -> object:
    item = getattr(value, "item", None)
    return item() if callable(item) else value


def _as_int(step: object, *, truncate: bool) -> int:
    try:
        number = _number(step)
        if hasattr(number, "__index__"):
            return operator.index(number)
        whole = float(number)
        cut = int(whole)
    except Exception as error:  # a conversion is foreign code and may raise anything; NaN and infinity end here
        raise Refused(Reason.STEP, f"not a step: {describe(step)} ({type(error).__name__})") from error
    if cut != whole and not truncate:
        raise Refused(Reason.STEP, f"not a whole number: {describe(step)}")
    return cut
