"""How much one may ask for: so many requests at once, and as many more in each minute."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

#: How many are remembered; who is forgotten may ask as one who is new.
REMEMBERED = 10_000
MINUTE_S = 60.0


class Pace:
    """What each has left.

    Parameters
    ----------
    per_minute : int
        Requests that one may make at once, and in each minute.
    clock : callable
        The time, in seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._clock = clock
        #: What is left, and when that was; who is not here has all of it.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> int:
        """Take one request; 0, or after how many seconds to ask again."""
        now = self._clock()
        left, at = self._left.get(who, (self._most, now))
        left = min(self._most, left + (now - at) * self._most / MINUTE_S)
        wait = math.ceil((1 - left) * MINUTE_S / self._most) if left < 1 else 0
        self._left[who] = (left if wait else left - 1, now)
        self._left.move_to_end(who)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return wait
