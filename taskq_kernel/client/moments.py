"""Points in time as people give them, for a service that reckons in UTC.

A time without an offset is local time, as `datetime.now` and the clock on the wall have
it; a day is its local midnight.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from taskq_kernel.client.refusals import refused

_HINT = "give a datetime, a date, or ISO 8601 such as '2024-05-17 09:30' (local time) or '2024-05-17T09:30:00Z'"


def moment(value: Any, field: str = "time") -> str:
    """A point in time in ISO 8601, in UTC.

    Parameters
    ----------
    value : datetime, date, str, pandas.Timestamp or numpy.datetime64
        Without an offset it is local time; a date is the local midnight that it begins with.
    field : str
        What an error is about, by GraphQL's name.

    Raises
    ------
    InvalidTask
        If it is none of these, no time at all (NaT), or out of range.
    """
    try:
        found = _datetime(value)
        if found is not None:
            return found.astimezone(UTC).isoformat()  # a naive one is taken as local
    except (ValueError, OverflowError, OSError):
        pass
    raise refused(f"is {str(value)[:80]!r}: {_HINT}", field)


def _datetime(value: Any) -> datetime | None:
    if isinstance(value, str):
        return datetime.fromisoformat(value.strip())
    if hasattr(value, "to_pydatetime"):  # pandas: its own arithmetic refuses what has no zone
        value = value.floor("us").to_pydatetime() if value == value else None  # NaT is not itself
    elif type(value).__module__ == "numpy" and type(value).__name__ == "datetime64":
        value = value.astype("datetime64[us]").item()
    if isinstance(value, datetime):
        return value
    return datetime.combine(value, time()) if isinstance(value, date) else None
