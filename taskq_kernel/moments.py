"""Dates and times as arguments: ``{"$date": "2026-01-02"}``, and as much of ``$datetime`` and ``$time``.

Julia has them as `Date`, `DateTime` and `Time`. A `DateTime` has milliseconds and no offset from UTC: what is finer
is refused, and what has an offset is a text, in ISO 8601.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any

from taskq_kernel.literals import JuliaValue
from taskq_kernel.typed_values import ARRAY_TAG, vector_of, with_holes

#: What reads the text under each of the tags.
READERS: Mapping[str, Callable[[str], Any]] = {
    "$date": date.fromisoformat, "$datetime": datetime.fromisoformat, "$time": time.fromisoformat,
}  # fmt: skip
#: numpy's units that are days, or more.
_DAYS = ("Y", "M", "W", "D")


class TooFine(ValueError):
    """A time has more digits than Julia's `DateTime`; it says what to give instead."""

    def __init__(self, rounded: str, text: str) -> None:
        super().__init__(f"Julia's DateTime has milliseconds: round it, as by {rounded}, or give text, as by {text}")


def of_python(value: date | time) -> JuliaValue | str:
    """What stands for a date, a time or both, of Python or of pandas.

    Raises
    ------
    TooFine
        If it has microseconds or nanoseconds that a `DateTime` has not.
    """
    if getattr(value, "tzinfo", None) is not None:
        return value.isoformat()
    if not isinstance(value, datetime):
        return JuliaValue("$time" if isinstance(value, time) else "$date", value.isoformat())
    if value.microsecond % 1000 or getattr(value, "nanosecond", 0):
        rounded = ".floor('ms')" if hasattr(value, "nanosecond") else ".replace(microsecond=0)"
        raise TooFine(rounded, ".isoformat()")
    # As numpy writes it, so that what is equal is the same text.
    return JuliaValue("$datetime", value.isoformat(timespec="milliseconds" if value.microsecond else "seconds"))


def of_numpy(value: Any) -> Any:
    """What stands for numpy's dates and times, one or an array of them; where there is none, one is missing.

    Days, and what is longer, are dates.

    Raises
    ------
    TooFine
        If one of them has more than milliseconds.
    """
    # late: it is loaded already where there is such a value, and not needed elsewhere
    import numpy as np

    days = np.datetime_data(value.dtype)[0] in _DAYS
    holes = np.isnat(value)
    rounded = value.astype("datetime64[D]" if days else "datetime64[ms]")
    if not days and ((rounded != value) & ~holes).any():
        raise TooFine(".astype('datetime64[ms]')", "numpy.datetime_as_string")
    if not days and ((rounded.astype("datetime64[s]") == rounded) | holes).all():
        rounded = rounded.astype("datetime64[s]")
    texts = np.datetime_as_string(rounded)
    if not np.ndim(value):
        return JuliaValue("$missing", True) if holes else JuliaValue("$date" if days else "$datetime", str(texts))
    element = "Date" if days else "DateTime"
    if not value.size:
        return JuliaValue(ARRAY_TAG, [vector_of(element, value.ndim), [], list(value.shape)])
    kind = vector_of(with_holes(element) if holes.any() else element, value.ndim)
    rows: Any = np.where(holes, None, texts.astype(object))
    return JuliaValue(ARRAY_TAG, [kind, rows.tolist()])
