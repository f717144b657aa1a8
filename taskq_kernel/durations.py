"""Lengths of time as people write them, ``90s``, ``12h``, ``30d``, and as they read them, ``2 min 05 s``."""

from __future__ import annotations

import math
import re

#: Seconds in each unit.
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}

_LENGTH = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhdw])")


def seconds_of(text: str) -> float:
    """A length of time in seconds.

    Raises
    ------
    ValueError
        If it is none, or nothing at all.
    """
    found = _LENGTH.fullmatch(text.strip())
    seconds = float(found[1]) * UNITS_S[found[2]] if found else 0.0
    if not 0 < seconds < math.inf:
        raise ValueError(f"{text!r} is no time; give such as 90s, 45m, 12h, 30d or 2w")
    return seconds


def seconds_text(seconds: float | None) -> str:
    """A duration as people read it: ``12 ms``, ``3.4 s``, ``2 min 05 s``, ``3 h 12 min``."""
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
