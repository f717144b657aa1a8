"""Times as people read them in a terminal: on their own clock, or as an age."""

from __future__ import annotations

from datetime import UTC, datetime


def local_time(instant: str, *, seconds: bool = True) -> str:
    """A point in time in ISO 8601 on this machine's clock: ``2024-05-17 09:30:15``."""
    local = datetime.fromisoformat(instant).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S}" if seconds else f"{local:%Y-%m-%d %H:%M}"


def offset(instant: str) -> str:
    """How far this machine's clock is from UTC at that time: ``UTC+05:45``."""
    text = f"{datetime.fromisoformat(instant).astimezone():%z}"
    return f"UTC{text[:3]}:{text[3:5]}"


def age(instant: str, now: datetime | None = None) -> str:
    """How long ago that was: ``12 s``, ``5 min``, ``3 h``, ``2 d``."""
    passed = max(0.0, ((now or datetime.now(UTC)) - datetime.fromisoformat(instant)).total_seconds())
    for unit, size, until in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 48 * 3600)):
        if passed < until:
            return f"{passed // size:.0f} {unit}"
    return f"{passed // 86400:.0f} d"
