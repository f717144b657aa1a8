"""How often a part of a local stack was started again: what the keeper writes and ``taskq status`` reads."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from taskq_kernel.local.processes import write_private

#: How long to wait before each start, in seconds, of a part that dies again and again.
DELAYS_S = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
#: A part that has run for this long did not die of what its last start could not mend.
STEADY_S = 60.0


class BackOff:
    """When one part may be started again, and when it is given up.

    Parameters
    ----------
    clock : callable, optional
        Tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._in_a_row = 0
        self._began = clock()

    def begin(self) -> None:
        """Note that it was started."""
        self._began = self._clock()

    def next_delay(self) -> float | None:
        """How long to wait, now that it has died, in seconds; None once it is to be given up."""
        if self._clock() - self._began >= STEADY_S:
            self._in_a_row = 0
        if self._in_a_row == len(DELAYS_S):
            return None
        self._in_a_row += 1
        return DELAYS_S[self._in_a_row - 1]


@dataclass(frozen=True)
class Restarts:
    """What became of one part since the stack is up.

    Attributes
    ----------
    restarts : int
        How often it was started again after it had died.
    restarted_at : str or None
        When it was the last time, in ISO 8601.
    reason : str
        How it ended the last time.
    given_up : bool
        Whether it is not started again any more.
    """

    restarts: int = 0
    restarted_at: str | None = None
    reason: str = ""
    given_up: bool = False


def read_restarts(home: Path) -> dict[str, Restarts]:
    """The restarts of each part that had any."""
    try:
        return {role: Restarts(**one) for role, one in json.loads(restarts_file(home).read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):  # none, or the disk was full when it was written
        return {}


def write_restarts(home: Path, restarts: Mapping[str, Restarts]) -> None:
    """Keep the restarts for whoever looks."""
    write_private(restarts_file(home), json.dumps({role: asdict(one) for role, one in restarts.items()}))


def restarts_file(home: Path) -> Path:
    """Where the restarts of a stack are kept while it is up."""
    return home / "run" / "restarts.json"
