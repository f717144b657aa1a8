"""How far ahead of its slots a worker works, from how long its tasks take.

A worker with slow tasks claims one for each free slot: what it would claim ahead, an idle
worker could run. With tasks of a millisecond the round trips of message and claim would
dominate, so it claims as many ahead as fit into `LOOKAHEAD_S`.
"""

from __future__ import annotations

import time
from collections.abc import Hashable

#: What a slot may have waiting, in seconds of work.
LOOKAHEAD_S = 0.15
#: What may lie behind the task that a slot runs, and cannot be had by another slot meanwhile, in seconds of work.
BUNDLE_S = 0.03
#: What gets a slot so soon is not given back, in seconds, though the machine has become slow since it was
#: claimed: no other worker would be sooner there. That is believed of tasks of which a slot runs so many in it.
SOON_S, MANY_SOON = 2.0, 4
#: The most that is claimed ahead, and the most messages in hand that are not claimed yet, in tasks a slot.
MOST_AHEAD = 250
MOST_IN_HAND = 100


class ClaimAhead:
    """A moving estimate of how long one task occupies a slot."""

    def __init__(self, slots: int, cores: int | None = None) -> None:
        self._slots = slots
        self._cores = slots if cores is None else cores
        self._estimate_s = 1.0
        #: When each task began, how many cores it has, and in which process it runs, if that was warm.
        self._began: dict[object, tuple[float, int, Hashable]] = {}

    def started(self, task: object, cores: int = 1, process: Hashable = None) -> None:
        """A task occupies a slot from now on, in this process; None: in one that has to be started first."""
        self._began[task] = time.monotonic(), cores, process

    def ended(self, task: object) -> None:
        """It does no longer."""
        self._note(time.monotonic() - self._began.pop(task)[0])

    @property
    def occupied(self) -> int:
        """How many slots have a task."""
        return len(self._began)

    def went_on(self, task: object, seconds: float) -> None:
        """A slot has gone on, after so many seconds, with a task that followed the one that it had taken up."""
        self._began[task] = time.monotonic(), *self._began[task][1:]
        self._note(seconds)

    def _note(self, seconds: float) -> None:
        """Slow tasks count at once, fast ones by halves."""
        self._estimate_s = max(seconds, (self._estimate_s + seconds) / 2, 1e-5)

    def longer_than(self, seconds: float) -> bool:
        """Whether a task occupies a slot for longer."""
        return self._estimate_s > seconds

    @property
    def ahead(self) -> int:
        """How many claimed tasks may wait beyond the free slots."""
        each = int(LOOKAHEAD_S / self._estimate_s)
        if each <= 1:
            return 0
        return self._flowing(LOOKAHEAD_S) * min(each, MOST_AHEAD)

    @property
    def bundle(self) -> int:
        """How many tasks may lie behind the one that a slot runs; none where tasks are not short."""
        each = int(BUNDLE_S / self._estimate_s)
        return each if each > 1 else 0

    @property
    def soon(self) -> int:
        """How many claimed tasks get a slot within `SOON_S`; none where tasks are slow: that may be long, too."""
        each = int(SOON_S / self._estimate_s)
        return self._flowing(max(LOOKAHEAD_S, 2 * self._estimate_s)) * each if each >= MANY_SOON else 0

    def lasts_s(self, waiting: int) -> float:
        """How long so many tasks that wait for a slot keep the slots at work, in seconds."""
        flowing = self._flowing(LOOKAHEAD_S)
        return waiting * self._estimate_s / flowing if flowing else 0.0

    def _flowing(self, seconds: float) -> int:
        """How many slots are not held up by a task that runs for longer than this already."""
        latest = time.monotonic() - seconds
        held = [cores for began, cores, _ in self._began.values() if began < latest]
        return max(0, min(self._slots - len(held), self._cores - sum(held)))

    @property
    def warm(self) -> set[Hashable]:
        """The warm processes that are free soon; none where tasks are not so short that any is claimed ahead."""
        if int(LOOKAHEAD_S / self._estimate_s) <= 1:
            return set()
        latest = time.monotonic() - LOOKAHEAD_S
        return {process for began, _, process in self._began.values() if began >= latest and process is not None}

    @property
    def prefetch(self) -> int:
        """How many messages a consumer may have in hand: few steps, since each change costs a
        new subscription."""
        if self.ahead == 0:
            return self._slots
        return self._slots * (16 if self.ahead < 16 * self._slots else MOST_IN_HAND)
