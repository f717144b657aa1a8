"""Lengths of time as people write them: ``90s``, ``12h``, ``30d``."""

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
