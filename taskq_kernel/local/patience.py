"""Wait for processes that are slow to start, as long as they are at work.

How long Julia compiles at its first start depends on the machine, and on what else that is
doing. Its processor time tells a process that is slow from one that is stuck.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

#: How much processor time, in seconds, counts as being at work.
_AT_WORK_S = 0.2


class Patience:
    """A deadline that is put off while a process, or one that it has started, is at work.

    Parameters
    ----------
    idle_s : float
        How long nothing may be at work.
    most_s : float
        How long it may take in all.
    clock : callable, optional
        Tells the time in seconds.
    """

    def __init__(self, idle_s: float, most_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle_s = idle_s
        self._clock = clock
        self.began = clock()
        self._last = self.began + most_s
        self._deadline = self.began + idle_s
        self._spent_s = 0.0

    @property
    def waited_s(self) -> float:
        """How long it has taken so far."""
        return self._clock() - self.began

    def look(self, spent_s: float) -> bool:
        """Note the processor time that was spent by now; whether that shows work since the last look that did."""
        # Processes that have ended take their time with them: less is a new beginning.
        if 0 <= spent_s - self._spent_s < _AT_WORK_S:
            return False
        self._spent_s = spent_s
        self._deadline = self._clock() + self._idle_s
        return True

    @property
    def is_out(self) -> bool:
        """Whether it has been at rest for too long, or has taken too long in all."""
        return self._clock() > min(self._deadline, self._last)


def spent_s(pid: int | None) -> float:
    """Processor time, in seconds, of a process's running descendants; not its own, for it may only wait for them."""
    if pid is None:
        return 0.0
    try:
        times = [_time_of(child) for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return 0.0
    return sum(times)


def _time_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:  # it has ended meanwhile
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
