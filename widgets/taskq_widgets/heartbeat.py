"""Whether somebody is looking: a browser's heartbeat, as the kernel sees it.

Every message of a widget counts as activity of its kernel, so a thread that pushes on and
on keeps an abandoned kernel from ever being culled. A page that shows a widget therefore
says so every few seconds, and the kernel pushes only as long as it does.

The kernel answers every heartbeat, so that a page learns that it has lost its kernel. That
keeps no kernel alive: an answer is activity, but it only ever follows a message that was
activity already. A page that is closed, hidden or cut off sends none, and gets none.

A heartbeat travels as a widget message, and most kernels read none while a cell runs.
Silence during a cell thus means nothing: who was there when the cell began counts as
there until it has ended and the messages that waited have had time to be read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: How long a view counts as watched after its last heartbeat; the browser beats every 5 s.
FRESH_S = 15.0


@dataclass
class CellClock:
    """When the kernel's current cell began, and when the last one ended."""

    clock: Callable[[], float] = time.monotonic
    began: float = float("-inf")
    ended: float = float("-inf")

    def start(self, *_info: Any) -> None:
        """Note that a cell begins."""
        self.began = self.clock()

    def stop(self, *_result: Any) -> None:
        """Note that a cell has ended."""
        self.ended = self.clock()

    @property
    def running(self) -> bool:
        """Whether a cell runs now."""
        return self.began > self.ended

    def follow_ipython(self) -> None:
        """Follow the cells of the IPython shell that this process runs, if it runs one."""
        try:
            from IPython import get_ipython
        except ImportError:
            return
        shell = get_ipython()  # type: ignore[no-untyped-call,unused-ignore]  # IPython types it in some releases
        if shell is not None:
            self.start()  # a cell is what imports this
            shell.events.register("pre_run_cell", self.start)
            shell.events.register("post_run_cell", self.stop)


def is_fresh(beat: float, now: float, cells: CellClock) -> bool:
    """Tell whether a view last heard of at ``beat`` still counts as watched at ``now``.

    Parameters
    ----------
    beat, now
        Seconds on the clock of ``cells``.
    cells
        What the kernel has been doing.
    """
    if now - beat < FRESH_S:
        return True
    if cells.began - beat >= FRESH_S:
        return False
    return cells.running or now - cells.ended < FRESH_S
