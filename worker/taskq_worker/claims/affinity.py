"""Which of the messages in hand are claimed first: those that a warm process can run, within bounds.

A slot's process is replaced where a task needs another, which takes as long as Julia takes to start. So where messages
ask for different processes, a worker has some more of them in hand, and claims those first that a process can run
which is warm and free. What needs another process is claimed for a free slot only, never ahead: it would wait there
for longer than what is claimed ahead may. How often and for how long it is passed over is bounded (`passed_over`).
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass

from taskq_kernel.messages import TaskMessage
from taskq_worker.claims.capacity import Fitting
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.claim_ahead import ClaimAhead
from taskq_worker.claims.claims import NEW_PROCESS, Cost
from taskq_worker.claims.in_hand import Kinds, Process, Waiting, differ
from taskq_worker.claims.passed_over import PassedOver

#: None is passed over where tasks of late have occupied a slot for longer, in seconds: to wait for even one of them
#: would be more than a new process costs.
LONG_S = 30.0
#: How long a message is held so that there is a choice before others may have it, in seconds.
HELD_S = 1.0


class Ready:
    """The slots for which something may be claimed.

    Parameters
    ----------
    free : int
        How many are free.
    idle : sequence of callable
        What a task costs those of them that wait for one already.
    ahead : bool
        Whether tasks are claimed ahead for those that are not free.
    soon : set of Process
        The processes of slots that are free soon.
    """

    def __init__(self, free: int, idle: Sequence[Cost] = (), *, ahead: bool = False, soon: Set[Process] = frozenset()):
        self.free = free
        self._costs = tuple(idle)
        self._idle = set(range(len(idle)))
        self._ahead = ahead
        self._soon = soon
        #: Of each process, the slots that have it, whether or not they have got something meanwhile.
        self._having: dict[Process, list[int]] = {}

    def warm_for(self, waiting: Waiting) -> bool:
        """Whether a process that is warm can run it, and is free now or soon."""
        if waiting.process is None:
            return True
        having = self._slots_having(waiting.process, waiting.task)
        if self.free > 0 and not self._idle.isdisjoint(having):
            return True
        return self._ahead and (bool(having) or waiting.process in self._soon)

    def give(self, waiting: Waiting) -> None:
        """A slot whose process can run it gets it."""
        having = [] if waiting.process is None else self._slots_having(waiting.process, waiting.task)
        slot = next((slot for slot in having if slot in self._idle), None)
        if slot is not None and self.free > 0:
            self._idle.remove(slot)
            self.free -= 1

    def give_cold(self) -> None:
        """A free slot gets one for which it has to start another process: nothing is claimed ahead for that one."""
        self.free -= 1
        self._ahead = False

    def _slots_having(self, process: Process, task: TaskMessage) -> list[int]:
        if process not in self._having:
            claim = Claim(task, 0)
            self._having[process] = [slot for slot, cost in enumerate(self._costs) if cost(claim) < NEW_PROCESS]
        return self._having[process]


@dataclass
class Picked:
    """What is claimed of the messages of one queue.

    Attributes
    ----------
    taken : list of Waiting
        These, in their order.
    blocked : Waiting or None
        The first that does not fit into what is free of the worker.
    held : bool
        Whether any is left that fits: then nothing of a later queue is claimed.
    """

    taken: list[Waiting]
    blocked: Waiting | None
    held: bool = False


def in_order(in_hand: deque[Waiting], fitting: Fitting) -> Picked:
    """What is claimed where all ask for the same process: the first that fit."""
    taken: list[Waiting] = []
    passed_over: list[Waiting] = []
    while in_hand and not fitting.over:
        first = in_hand.popleft()
        if first.delivery.channel.is_open:
            (taken if fitting.takes(first.task, len(first.tasks)) else passed_over).append(first)
    in_hand.extendleft(reversed(passed_over))
    return Picked(taken, next(iter(passed_over), None))


class Affinity:
    """Picks what is claimed of messages in hand.

    Parameters
    ----------
    claim_ahead : ClaimAhead
        The estimate of how long tasks take.
    one_process : bool
        Whether every task runs in the process that is there, whatever it asks for.
    """

    def __init__(self, claim_ahead: ClaimAhead, *, one_process: bool = False) -> None:
        self._claim_ahead = claim_ahead
        self._one_process = one_process
        self._kinds = Kinds()
        self._passed = PassedOver()

    def came(self, waiting: Waiting) -> None:
        """A message has come."""
        self._kinds.note(waiting)

    @property
    def most_held(self) -> int:
        """How many messages to have in hand, so that there is something to choose from; 0: there is nothing."""
        return self._kinds.held if self._may_choose else 0

    def held_long(self, in_hand: Iterable[Sequence[Waiting]], now: float) -> bool:
        """Whether something is held, so that there is a choice, for so long that others should get it."""
        late = now - HELD_S
        return any(queue and queue[0].came_at < late and self._chooses_from(queue) for queue in in_hand)

    def _chooses_from(self, in_hand: Iterable[Waiting]) -> bool:
        """Whether it may matter which of these is claimed first."""
        return self._may_choose and (self._kinds.differ or differ(waiting.process for waiting in in_hand))

    @property
    def _may_choose(self) -> bool:
        return not self._one_process and not self._claim_ahead.longer_than(LONG_S)

    def pick(self, in_hand: deque[Waiting], fitting: Fitting, ready: Ready, *, settled: bool) -> Picked:
        """What is claimed of them, and is in hand no longer.

        Parameters
        ----------
        in_hand : deque of Waiting
            The messages of one queue, in their order.
        fitting : Fitting
            Chooses by what is free of the worker.
        ready : Ready
            Its slots.
        settled : bool
            Whether no more messages are to be expected at once: else none starts another process yet.
        """
        if not self._chooses_from(in_hand):
            return in_order(in_hand, fitting)
        now = time.monotonic()
        here = [waiting for waiting in in_hand if waiting.delivery.channel.is_open]
        pick = _Pick(here, fitting, ready)
        pick.warm(lambda waiting: self._passed.more(waiting, now))
        if settled:
            pick.cold()
        left = [waiting for waiting in here if waiting not in pick.taken]
        taken = [waiting for waiting in here if waiting in pick.taken]
        self._note(here, pick.taken, now)
        if pick.blocked is not None:
            self._passed.end(pick.blocked, now)
        if pick.any_cold:
            self._passed.end_turn()
        in_hand.clear()
        in_hand.extend(left)
        return Picked(taken, pick.blocked, held=any(waiting not in pick.refused for waiting in left))

    def _note(self, in_hand: Sequence[Waiting], taken: Set[Waiting], now: float) -> None:
        behind = 0
        for waiting in reversed(in_hand):
            if waiting in taken:
                behind += 1
                self._passed.forget(waiting)
            elif behind:
                self._passed.note(waiting, behind, now)


class _Pick:
    """One look at the messages of a queue."""

    def __init__(self, in_hand: Sequence[Waiting], fitting: Fitting, ready: Ready) -> None:
        self._in_hand = in_hand
        self._fitting = fitting
        self._ready = ready
        self.taken: set[Waiting] = set()
        self.refused: set[Waiting] = set()
        self.blocked: Waiting | None = None
        self.any_cold = False

    def warm(self, more: Callable[[Waiting], int]) -> None:
        """Take what a warm process can run, and what may not be passed over any longer."""
        may_pass: float = math.inf
        for waiting in self._in_hand:
            if self._fitting.over or may_pass <= 0:
                break
            if self._ready.warm_for(waiting):
                if self._takes(waiting):
                    self._ready.give(waiting)
                    may_pass -= 1
            elif not self._fitting.fits(waiting.task):
                self._take_cold(waiting)  # it is refused, and what it needs gathers
            elif (left := more(waiting)) > 0:
                may_pass = min(may_pass, left)
            elif self._ready.free > 0:
                self._take_cold(waiting)
            else:
                break  # it gets the next slot that is free

    def cold(self) -> None:
        """Take for the slots that are free still what needs another process."""
        for waiting in self._in_hand:
            if self._fitting.over or self._ready.free <= 0:
                break
            if waiting not in self.taken and waiting not in self.refused:
                self._take_cold(waiting)

    def _take_cold(self, waiting: Waiting) -> None:
        if self._takes(waiting):
            self._ready.give_cold()
            self.any_cold = True

    def _takes(self, waiting: Waiting) -> bool:
        takes = self._fitting.takes(waiting.task, len(waiting.tasks))
        if takes:
            self.taken.add(waiting)
        else:
            self.refused.add(waiting)
            self.blocked = self.blocked or waiting
        return takes
