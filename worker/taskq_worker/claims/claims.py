"""The tasks that a worker has claimed, from the claim until the service has their outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from weakref import WeakSet

from taskq_kernel.messages import OutcomeMessage
from taskq_worker.claims.capacity import Capacity, Unlimited
from taskq_worker.claims.claim import Claim, ClaimState, Lane
from taskq_worker.claims.share import Share, share_of

#: Above this, in bytes, nothing new is claimed; and with so much in outcomes, nothing is started.
MOST_BYTES = 256 << 20

#: How long the task that is next may be passed over for one that suits a slot better, in seconds,
#: and how many are looked at for that.
PASSED_OVER_S = 0.1
LOOKED_AT = 64

#: How much the newest outcome counts in what the next one is expected to take.
NEWEST_COUNTS = 0.2

#: How long a slot would have to prepare for a task, in steps: 0 where it is ready for it, and at least `NEW_PROCESS`
#: where it would have to start another process.
Cost = Callable[[Claim], int]
NEW_PROCESS = 2
MOST_COST = 1 << 30

#: How long an idle slot leaves a task for which it had to start a process to a busy one that is ready for it and free
#: soon, in seconds; and how often it looks meanwhile.
LEFT_S = 0.5
LOOK_S = 0.05


class _Registry:
    """Every task that a worker has claimed, whichever slots it waits for."""

    def __init__(self) -> None:
        self.claims: dict[str, Claim] = {}
        self.message_bytes = 0
        self.outcome_bytes = 0
        #: What an outcome is expected to take, from those before; 0: none has come yet.
        self.expected_bytes = 0.0
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

    def outcome_came(self, size_bytes: int) -> None:
        """An outcome has come."""
        self.outcome_bytes += size_bytes
        weight = NEWEST_COUNTS if self.expected_bytes else 1.0
        self.expected_bytes += weight * (size_bytes - self.expected_bytes)

    def outcome_grew(self, by_bytes: int) -> None:
        """An outcome has become shorter, or longer."""
        self.outcome_bytes += by_bytes

    def outcomes_that_fit(self, most: int) -> int:
        """How many more outcomes there is room for, of the size that is expected; ``most`` while none has come."""
        if not self.expected_bytes:
            return most
        return min(most, int((MOST_BYTES - self.outcome_bytes) / self.expected_bytes))


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
        #: Whether a slot that is busy, and free soon, is ready for a task.
        self._soon: Callable[[Claim], bool] = lambda _: False

    def leave_to_busy_slots(self, soon: Callable[[Claim], bool]) -> None:
        """Ask this whether a slot that is busy, and free soon, is ready for a task."""
        self._soon = soon

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
        return self.capacity.free - self._lane.share

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._lane.ready)

    @property
    def slots_wait(self) -> bool:
        """Whether a slot waits for a task."""
        return bool(self._idle)

    @property
    def idle(self) -> Sequence[Cost]:
        """What a task costs each slot that waits for one."""
        return tuple(self._idle)

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
            costs another idle slot less is left to that; and one that needs another process here, for
            `LEFT_S`, to a busy slot that is ready for it and free soon.
        """
        self._idle.append(cost)
        idle_since = time.monotonic()
        try:
            while (claim := self._choose(cost, idle_since)) is None:
                await self._startable_soon(leaves=time.monotonic() - idle_since < LEFT_S)
        finally:
            self._idle.remove(cost)
        cold = cost(claim) >= NEW_PROCESS
        self._lane.remove(claim)
        self.capacity.take(claim)
        with self._changing(claim):
            claim.start(cold=cold)
        if self._lane.ready and self._idle:
            self._lane.startable.set()  # what was left to this slot is another's now
        return claim

    def take_ahead(self, follows: Callable[[Claim], bool], most: int) -> list[Claim]:
        """The next tasks that may follow the one that a slot runs, so many at most; they may begin from then on."""
        if self.outcomes_full or most <= 0:
            return []
        begun = self.count(ClaimState.RUNNING) + self.count(ClaimState.AHEAD)
        most = min(most, self._registry.outcomes_that_fit(most + begun) - begun)
        if most <= 0:
            return []
        taken: list[Claim] = []
        late = time.monotonic() - PASSED_OVER_S
        for claim in islice(self._lane.ready, most + LOOKED_AT):
            if follows(claim):
                taken.append(claim)
                if len(taken) == most:
                    break
            elif claim.claimed_at < late:
                break  # it has been passed over for long enough
        for claim in taken:
            self._lane.remove(claim)
            with self._changing(claim):
                claim.send_ahead()
        return taken

    def put_back(self, claims: Iterable[Claim]) -> None:
        """What was taken ahead has not begun: any slot may start it, before all others."""
        held = [claim for claim in claims if self.holds(claim)]
        for claim in held:
            with self._changing(claim):
                claim.wait()
        self._lane.put_back(held)

    def follow(self, done: Claim, following: Claim) -> bool:
        """A task that was taken ahead has begun in the slot of another, and takes what that took; whether it may."""
        self.capacity.give_back(done)
        self.capacity.take(following)
        with self._changing(following):
            following.start()
        return self.holds(following)

    async def startable(self) -> None:
        """Wait until there is a task that a slot may start."""
        while not self._lane.ready or self.outcomes_full:
            self._lane.startable.clear()
            await self._lane.startable.wait()

    async def _startable_soon(self, *, leaves: bool) -> None:
        """Wait until a slot may have something to start that it had not before, or what it leaves to busy ones."""
        self._lane.startable.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S if leaves and self._lane.ready else None):
                await self._lane.startable.wait()

    def _choose(self, cost: Cost, idle_since: float) -> Claim | None:
        if not self._lane.ready or self.outcomes_full:
            return None
        first, now = self._lane.ready[0], time.monotonic()
        leaves = now - idle_since < LEFT_S
        if not self.capacity.free.holds(share_of(first.task)):
            return self._cheapest(self._beside(first), cost, leaves)
        late = now - first.claimed_at > PASSED_OVER_S
        its_turn = self._cheapest(self._fitting(1), cost, leaves) if late else None
        return its_turn or self._cheapest(self._fitting(LOOKED_AT), cost, leaves)

    def _fitting(self, count: int) -> Iterable[Claim]:
        free = self.capacity.free
        return (claim for claim in islice(self._lane.ready, count) if free.holds(share_of(claim.task)))

    def _beside(self, blocked: Claim) -> Iterable[Claim]:
        """What may start though the first does not fit yet."""
        free, needs = self.capacity.free, share_of(blocked.task)
        return (claim for claim in islice(self._lane.ready, LOOKED_AT) if free.spares(share_of(claim.task), needs))

    def _cheapest(self, found: Iterable[Claim], cost: Cost, leaves: bool) -> Claim | None:
        """What costs the slot least, the first of several; none where all of it is left to others."""
        best: tuple[int, Claim | None] = (MOST_COST, None)
        for claim in found:
            mine = cost(claim)
            if mine < best[0] and not (mine and self._left_to_another(claim, mine, leaves)):
                best = (mine, claim)
                if mine == 0:
                    break
        return best[1]

    def _left_to_another(self, claim: Claim, mine: int, leaves: bool) -> bool:
        """Whether it costs another idle slot less, or a busy one is ready for it soon where this one is not."""
        if any(cost(claim) < mine for cost in self._idle):
            return True
        return leaves and mine >= NEW_PROCESS and self._soon(claim)

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
            if before:
                self._registry.outcome_grew(claim.outcome_bytes - before)
            else:
                self._registry.outcome_came(claim.outcome_bytes)
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
