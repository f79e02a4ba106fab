"""What this syntax takes besides what every log call takes, to what a run takes."""

from __future__ import annotations

from typing import Any, Final

from sitewire.collectors.values import as_primitive, as_scalar

_PLAIN: Final = (str, bool, int, float, type(None))


def as_param(value: object) -> object:
    """Return a parameter that is written as the original writes it, by its ``str()``.

    A number of any library stays a number where the texts are the same; ``float32(0.1)`` is the text ``0.1``.
    """
    if type(value) in _PLAIN:
        return value
    try:
        text, plain = str(value), as_primitive(value)
        return plain if str(plain) == text else text
    except Exception:  # noqa: BLE001  str() is foreign code here and may raise anything: the run counts it
        return value


def as_number(value: object) -> Any:  # noqa: ANN401  a number, or what the run refuses
    """Return a number that is written as text as one; anything else as it came."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def as_numbers(metrics: object) -> Any:  # noqa: ANN401  a mapping, or what the run refuses
    """Return a mapping with ``as_number`` of each value; anything else as it came."""
    try:
        return {name: as_number(value) for name, value in metrics.items()}  # type: ignore[attr-defined]  # or it raises
    except Exception:  # noqa: BLE001  a foreign mapping may raise anything: the run counts it
        return None


def as_seconds(timestamp: object) -> Any:  # noqa: ANN401  seconds, or what the run refuses
    """Return milliseconds as seconds. None and 0 are now, as in the original; what is no number stays as it came."""
    if timestamp is None:
        return None
    try:
        return as_scalar(timestamp) / 1000 or None
    except Exception:  # noqa: BLE001  not a number: the run counts it
        return timestamp
