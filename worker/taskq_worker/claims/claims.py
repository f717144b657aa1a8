"""The tasks that a worker has claimed, from the claim until the service has their outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from weakref import WeakSet

from taskq_kernel.messages import OutcomeMessage
from taskq_worker.claims.capacity import Capacity, Share, Unlimited, share_of
from taskq_worker.claims.claim import Claim, ClaimState, Lane

#: Above this, in bytes, nothing new is claimed; and with so much in outcomes, nothing is started.
MOST_BYTES = 256 << 20

#: How long the task that is next may be passed over for one that suits a slot better, in seconds,
#: and how many are looked at for that.
PASSED_OVER_S = 0.1
LOOKED_AT = 64

#: How long a slot would have to prepare for a task, in steps: 0 where it is ready for it.
Cost = Callable[[Claim], int]
MOST_COST = 1 << 30


class _Registry:
    """Every task that a worker has claimed, whichever slots it waits for."""

    def __init__(self) -> None:
        self.claims: dict[str, Claim] = {}
        self.message_bytes = 0
        self.outcome_bytes = 0
        self.lanes: WeakSet[Lane] = WeakSet()

    def add(self, claim: Claim) -> None:
        """A claim was granted."""
        self.claims[claim.task.id] = claim
        self.message_bytes += claim.message_bytes

    def remove(self, claim: Claim) -> None:
        """It is no longer this worker's."""
        del self.claims[claim.task.id]
        self.message_bytes -= claim.message_bytes
        self.outcome_bytes -= claim.outcome_bytes

    def outcome_grew(self, by_bytes: int) -> None:
        """An outcome has come, or has become shorter."""
        self.outcome_bytes += by_bytes


class Claims:
    """Every task that the worker has claimed, and the queue of those that wait for a slot.

    `lane` makes another queue beside it, of tasks for which one slot is kept: what is asked of one task, or of
    all, has the same answer there.

    Parameters
    ----------
    capacity : Capacity, optional
        What they share; by default as much as they ask for.
    """

    def __init__(self, capacity: Capacity | None = None, registry: _Registry | None = None) -> None:
        self.capacity = capacity or Unlimited()
        self._registry = registry or _Registry()
        self._lane = Lane()
        self._registry.lanes.add(self._lane)
        #: What tasks cost the slots that wait for one.
        self._idle: list[Cost] = []

    def lane(self) -> Claims:
        """The same claimed tasks, with another queue for what is added here: it takes no more than that slot has."""
        return Claims(registry=self._registry)

    @property
    def full(self) -> bool:
        """Whether the claimed tasks are too large for another to be claimed."""
        return self._registry.message_bytes + self._registry.outcome_bytes >= MOST_BYTES

    @property
    def outcomes_full(self) -> bool:
        """Whether the outcomes are too large for a task to be started."""
        return self._registry.outcome_bytes >= MOST_BYTES

    @property
    def ready(self) -> Sequence[Claim]:
        """Those that wait for a slot, in order."""
        return tuple(self._lane.ready)

    @property
    def left(self) -> Share:
        """What is free beyond what those that wait for a slot take."""
        return self.capacity.free - Share(self._lane.cores, self._lane.gpus)

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._lane.ready)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._all

    def __iter__(self) -> Iterator[Claim]:
        return iter(list(self._all.values()))

    def __len__(self) -> int:
        return len(self._all)

    def get(self, task_id: str) -> Claim | None:
        """The claim of the task with this id, if there is one."""
        return self._all.get(task_id)

    def holds(self, claim: Claim) -> bool:
        """Whether this very attempt is still this worker's."""
        return self._all.get(claim.task.id) is claim

    def add(self, claim: Claim) -> None:
        """A claim was granted."""
        claim.wait_in(self._lane)
        self._registry.add(claim)
        self._lane.states[claim.state] += 1
        self._lane.add(claim)

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
                self._lane.startable.clear()
                await self._lane.startable.wait()
        finally:
            self._idle.remove(cost)
        self._lane.remove(claim)
        self.capacity.take(claim)
        with self._changing(claim):
            claim.start()
        if self._lane.ready and self._idle:
            self._lane.startable.set()  # what was left to this slot is another's now
        return claim

    async def startable(self) -> None:
        """Wait until there is a task that a slot may start."""
        while not self._lane.ready or self.outcomes_full:
            self._lane.startable.clear()
            await self._lane.startable.wait()

    def _choose(self, cost: Cost) -> Claim | None:
        if not self._lane.ready or self.outcomes_full:
            return None
        first = self._lane.ready[0]
        if self.capacity.free.holds(share_of(first.task)):
            late = time.monotonic() - first.claimed_at > PASSED_OVER_S
            return self._cheapest(self._fitting(1 if late else LOOKED_AT), cost)
        return self._cheapest(self._beside(first), cost)

    def _fitting(self, count: int) -> Iterable[Claim]:
        free = self.capacity.free
        return (claim for claim in islice(self._lane.ready, count) if free.holds(share_of(claim.task)))

    def _beside(self, blocked: Claim) -> Iterable[Claim]:
        """What may start though the first does not fit yet."""
        free, needs = self.capacity.free, share_of(blocked.task)
        return (claim for claim in islice(self._lane.ready, LOOKED_AT) if free.spares(share_of(claim.task), needs))

    def _cheapest(self, found: Iterable[Claim], cost: Cost) -> Claim | None:
        """What costs the slot least, the first of several; none where all of it costs another idle slot less."""
        best: tuple[int, Claim | None] = (MOST_COST, None)
        for claim in found:
            mine = cost(claim)
            if mine < best[0] and not (mine and self._costs_another_less(claim, mine)):
                best = (mine, claim)
                if mine == 0:
                    break
        return best[1]

    def _costs_another_less(self, claim: Claim, mine: int) -> bool:
        return any(cost(claim) < mine for cost in self._idle)

    def leave_slot(self, claim: Claim) -> None:
        """It occupies its slot no longer: what it took is there for others."""
        self.capacity.give_back(claim)
        if self._lane.ready:
            self._lane.startable.set()

    def set_outcome(self, claim: Claim, outcome: OutcomeMessage) -> None:
        """A task is done, or its outcome has become a shorter one."""
        before = claim.outcome_bytes
        with self._changing(claim):
            claim.set_outcome(outcome)
        if self.holds(claim):
            self._registry.outcome_grew(claim.outcome_bytes - before)
            self._wake_all()

    def forget(self, claim: Claim) -> None:
        """This attempt is no longer this worker's."""
        if self.holds(claim):
            lane = claim.lane or self._lane
            self._registry.remove(claim)
            lane.states[claim.state] -= 1
            if claim.state is ClaimState.READY:
                lane.remove(claim)
            self._wake_all()

    def count(self, state: ClaimState) -> int:
        """How many are in this state."""
        return self._lane.states[state]

    @contextmanager
    def _changing(self, claim: Claim) -> Iterator[None]:
        """Keep the counts right while a claim comes into another state."""
        before = claim.state
        yield
        if self.holds(claim):
            lane = claim.lane or self._lane
            lane.states[before] -= 1
            lane.states[claim.state] += 1

    @property
    def _all(self) -> dict[str, Claim]:
        return self._registry.claims

    def _wake_all(self) -> None:
        """There is room for more outcomes, perhaps."""
        for lane in self._registry.lanes:
            lane.startable.set()
