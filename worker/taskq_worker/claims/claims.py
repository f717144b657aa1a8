"""The tasks that a worker has claimed, from the claim until the service has their outcome."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from taskq_kernel.messages import OutcomeMessage
from taskq_worker.claims.claim import Claim, ClaimState

#: Above this, in bytes, nothing new is claimed; and with so much in outcomes, nothing is started.
MOST_BYTES = 256 << 20

#: How long the task that is next may be passed over for one that suits a slot better, in seconds,
#: and how many are looked at for that.
PASSED_OVER_S = 0.1
LOOKED_AT = 64

#: How long a slot would have to prepare for a task, in steps: 0 where it is ready for it.
Cost = Callable[[Claim], int]
MOST_COST = 1 << 30


class Claims:
    """Every task that the worker has claimed, and the queue of those that wait for a slot."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}
        self._ready: deque[Claim] = deque()
        self._states: Counter[ClaimState] = Counter()
        self._message_bytes = 0
        self._outcome_bytes = 0
        #: What tasks cost the slots that wait for one.
        self._idle: list[Cost] = []
        #: Set whenever a slot may have something to start that it had not before.
        self._startable = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether the claimed tasks are too large for another to be claimed."""
        return self._message_bytes + self._outcome_bytes >= MOST_BYTES

    @property
    def outcomes_full(self) -> bool:
        """Whether the outcomes are too large for a task to be started."""
        return self._outcome_bytes >= MOST_BYTES

    @property
    def ready(self) -> Sequence[Claim]:
        """Those that wait for a slot, in order."""
        return tuple(self._ready)

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._ready)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._claims

    def __iter__(self) -> Iterator[Claim]:
        return iter(list(self._claims.values()))

    def __len__(self) -> int:
        return len(self._claims)

    def get(self, task_id: str) -> Claim | None:
        """The claim of the task with this id, if there is one."""
        return self._claims.get(task_id)

    def holds(self, claim: Claim) -> bool:
        """Whether this very attempt is still this worker's."""
        return self._claims.get(claim.task.id) is claim

    def add(self, claim: Claim) -> None:
        """A claim was granted."""
        self._claims[claim.task.id] = claim
        self._states[claim.state] += 1
        self._message_bytes += claim.message_bytes
        self._ready.append(claim)
        self._startable.set()

    async def next_ready(self, cost: Cost = lambda _: 0) -> Claim:
        """Wait for the next task that a slot may start; it counts as running from then on.

        Parameters
        ----------
        cost : callable
            How long the slot would have to prepare for a task, 0 where it is ready for it: what costs
            least goes first, but none is passed over for longer than `PASSED_OVER_S`. A task that
            costs another idle slot less is left to that.
        """
        self._idle.append(cost)
        try:
            while (claim := self._choose(cost)) is None:
                self._startable.clear()
                await self._startable.wait()
        finally:
            self._idle.remove(cost)
        self._ready.remove(claim)
        with self._changing(claim):
            claim.start()
        if self._ready and self._idle:
            self._startable.set()  # what was left to this slot is another's now
        return claim

    def _choose(self, cost: Cost) -> Claim | None:
        if not self._ready or self.outcomes_full:
            return None
        late = time.monotonic() - self._ready[0].claimed_at > PASSED_OVER_S
        best: tuple[int, Claim | None] = (MOST_COST, None)
        for claim in islice(self._ready, 1 if late else LOOKED_AT):
            mine = cost(claim)
            if mine < best[0] and not (mine and self._costs_another_less(claim, mine)):
                best = (mine, claim)
                if mine == 0:
                    break
        return best[1]

    def _costs_another_less(self, claim: Claim, mine: int) -> bool:
        return any(cost(claim) < mine for cost in self._idle)

    def set_outcome(self, claim: Claim, outcome: OutcomeMessage) -> None:
        """A task is done, or its outcome has become a shorter one."""
        before = claim.outcome_bytes
        with self._changing(claim):
            claim.set_outcome(outcome)
        if self.holds(claim):
            self._outcome_bytes += claim.outcome_bytes - before
            self._startable.set()

    def forget(self, claim: Claim) -> None:
        """This attempt is no longer this worker's."""
        if self.holds(claim):
            del self._claims[claim.task.id]
            self._states[claim.state] -= 1
            self._message_bytes -= claim.message_bytes
            self._outcome_bytes -= claim.outcome_bytes
            self._startable.set()
            if claim.state is ClaimState.READY:
                self._ready.remove(claim)

    def count(self, state: ClaimState) -> int:
        """How many are in this state."""
        return self._states[state]

    @contextmanager
    def _changing(self, claim: Claim) -> Iterator[None]:
        """Keep the counts right while a claim comes into another state."""
        before = claim.state
        yield
        if self.holds(claim):
            self._states[before] -= 1
            self._states[claim.state] += 1
