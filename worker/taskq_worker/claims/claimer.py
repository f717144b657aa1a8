"""From the broker into the worker: take messages, claim their tasks, acknowledge.

A message is acknowledged only after the service has answered the claim. A granted one is
this worker's from then on; a refused one (cancelled, already running, finished, deleted) is
dropped. A worker that is full unsubscribes and requeues what it has in hand, so that no
message waits with it for long.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.consumer import SETTLE_S, SUBSCRIBE_S, Consumer
from taskq_kernel.broker.delivery import Delivery, acknowledge
from taskq_kernel.errors import BrokerUnreachable, MessageError, ServiceError, ServiceUnreachable
from taskq_kernel.messages import TaskMessage, decode, named_task, unbundled
from taskq_worker.claims.affinity import Affinity, Ready
from taskq_worker.claims.capacity import Fitting
from taskq_worker.claims.claim import Claim, ClaimState
from taskq_worker.claims.claim_ahead import ClaimAhead
from taskq_worker.claims.claims import Claims
from taskq_worker.claims.in_hand import TasksPerMessage, Waiting, process_of
from taskq_worker.claims.share import share_of
from taskq_worker.service_api import ServiceApi

log = logging.getLogger(__name__)

#: A worker that has been full for this long unsubscribes, in seconds: long enough not to
#: do so between short tasks, short enough that others get what it has in hand. While tasks end,
#: which makes room soon, it may be full for longer: each message that is requeued is delivered twice.
FULL_S = 0.2
FULL_AND_FLOWING_S = 1.0
#: A task that does not fit yet, and is next, is kept in hand for so long, in seconds, before others may have it:
#: well within the minute for which a message may be unacknowledged.
HELD_S = 30.0
#: How long tasks have to be slower before fewer messages are asked for, in seconds: that takes a new
#: subscription, and one task that the machine held up says little of the next.
SLOWER_S = 0.5
#: A claimed task that has waited this long for a slot is given back, in seconds: several times as long as
#: what is claimed ahead should take, for it costs another message, and the task another attempt.
STALE_S = 0.9
#: What the service gave this worker waits for this long, in seconds: as long as Julia takes to start where the machine
#: is busy. The service has counted its slots: what keeps them from starting it is a Julia that is being replaced, or
#: a task that was taken away, and of which the next heartbeat tells. A slot that is away for longer is not counted on.
SOON_BACK_S = 10.0
#: Tasks claimed in one request at most.
CLAIM_BATCH = 200
#: Outcomes that the service has not got yet; above this nothing new is claimed.
MOST_UNSETTLED = 5000


class Claimer:
    """Takes tasks for as long as there is room for them.

    Parameters
    ----------
    broker, api, claims
        The worker's own.
    slots : int
        How many tasks the worker runs at once.
    queues : list of str
        The users' names of the queues it serves.
    stop_attempt : callable
        Called with an attempt that is still this worker's when a later one of the same task is
        granted: it must run no longer.
    one_process : bool
        Whether every task runs in the process that is there, whatever it asks for.
    """

    def __init__(
        self,
        broker: Broker,
        api: ServiceApi,
        claims: Claims,
        *,
        slots: int,
        queues: list[str],
        stop_attempt: Callable[[Claim], Awaitable[None]],
        one_process: bool = False,
    ) -> None:
        self._broker = broker
        self._api = api
        self._claims = claims
        self._claim_ahead = ClaimAhead(slots, claims.capacity.total.cores)
        self._slots = slots
        self._stop_attempt = stop_attempt
        # All queues of the first priority, then all of the second, ...
        names = [name for level in zip(*map(broker.names.all_tasks, queues), strict=True) for name in level]
        self._in_hand: dict[str, deque[Waiting]] = {name: deque() for name in names}
        self._consumers: list[Consumer] = [
            broker.consumer(name, self._claim_ahead.prefetch, self._on_delivery) for name in names
        ]
        self._took_at: dict[str, float] = {}
        #: Since when there is no room; None while there is. And when a task ended the last time.
        self._full_since: float | None = None
        self._ended_at = 0.0
        #: How many messages are asked for, and since when fewer would do.
        self._prefetch = self._claim_ahead.prefetch
        self._slower_since: float | None = None
        self._per_message = TasksPerMessage()
        self._affinity = Affinity(self._claim_ahead, one_process=one_process)
        claims.leave_to_busy_slots(lambda claim: process_of(claim.task) in self._claim_ahead.warm)
        self._background: set[asyncio.Future[None]] = set()
        #: The first message in hand whose task does not fit yet, and since when.
        self._blocked: Waiting | None = None
        self._blocked_since: float | None = None
        #: True once the worker drains: nothing more is taken.
        self._draining = False
        #: Since when each slot is away whose Julia is being replaced.
        self._away_since: list[float] = []
        #: True from a claim that failed until the service has answered again.
        self._service_away = False
        #: Set whenever a message came or room was made.
        self._wake = asyncio.Event()

    def look(self) -> None:
        """There may be room, or there may be none any more: look soon."""
        self._wake.set()

    def service_answered(self) -> None:
        """The service is there: claim again, where a claim has failed."""
        if self._service_away:
            self._service_away = False
            self.look()

    @contextmanager
    def without_slot(self) -> Iterator[None]:
        """Claim nothing for one of the slots meanwhile: its Julia is being replaced."""
        since = time.monotonic()
        self._away_since.append(since)
        try:
            yield
        finally:
            self._away_since.remove(since)
            self.look()

    @contextmanager
    def occupied_by(self, claim: Claim) -> Iterator[None]:
        """A slot is occupied by this task meanwhile; how long that takes decides about claiming ahead."""
        process = None if claim.cold else process_of(claim.task)
        self._claim_ahead.started(claim, share_of(claim.task).cores, process)
        try:
            yield
        finally:
            self._claim_ahead.ended(claim)
            self._ended_at = time.monotonic()
            self.look()

    def went_on(self, claim: Claim, seconds: float) -> None:
        """The slot that this task occupied has gone on with another, after so many seconds."""
        self._claim_ahead.went_on(claim, seconds)
        self._ended_at = time.monotonic()
        self._wake.set()

    @property
    def bundle(self) -> int:
        """How many tasks may lie behind the one that a slot runs."""
        return 0 if self._draining else self._claim_ahead.bundle

    def more_behind(self, count: int) -> int:
        """How many more may be taken ahead for a slot that has so many: no more than its share of those that wait."""
        return max(0, min(self.bundle - count, self._claims.waiting // max(1, self._there)))

    @property
    def room(self) -> int:
        """How many more tasks may be claimed now."""
        if self._draining or self._service_away or self._claims.full or len(self._claims) >= MOST_UNSETTLED:
            return 0
        return max(0, self._free + self._ahead)

    @property
    def _free(self) -> int:
        """How many tasks may be claimed that get a slot at once; below 0 where as many as that wait for one."""
        # A task that was taken away occupies its slot until its Julia is gone.
        running = max(self._claims.count(ClaimState.RUNNING), self._claim_ahead.occupied)
        # A task of several threads takes the room of as many of one.
        free = self._claims.capacity.free.cores
        waiting = free - self._claims.left.cores + self._claims.count(ClaimState.AHEAD)
        return min(self._there - running, free) - waiting

    @property
    def work_in_hand_s(self) -> float:
        """How long what is claimed keeps the slots at work, in seconds, by the moving estimate."""
        return self._claim_ahead.lasts_s(self._claims.waiting)

    @property
    def _there(self) -> int:
        """How many slots have a Julia."""
        return self._slots - len(self._away_since)

    @property
    def slots_soon(self) -> int:
        """How many slots have a Julia, or have one again soon."""
        limit = time.monotonic() - SOON_BACK_S
        return self._slots - sum(since <= limit for since in self._away_since)

    @property
    def draining(self) -> bool:
        """Whether nothing more is taken."""
        return self._draining

    @property
    def _ahead(self) -> int:
        """How many tasks may wait for a slot to be free."""
        # None for a slot that is away: what waits for its Julia would become stale, again and again.
        return self._of_slots_there(self._claim_ahead.ahead)

    def _of_slots_there(self, count: int) -> int:
        """As much of what all slots have as those that are there."""
        return count * self._there // self._slots

    @property
    def _soon(self) -> int:
        """How many of the claimed tasks get a slot soon; none where nothing may start."""
        return 0 if self._draining or self._claims.outcomes_full else self._of_slots_there(self._claim_ahead.soon)

    @property
    def _well_supplied(self) -> bool:
        """Whether more than half of what may wait does: the next are claimed a little later, many at once."""
        return 2 * (self._claims.waiting + self._claims.count(ClaimState.AHEAD)) > self._ahead > 0

    async def run(self) -> None:
        """Claim for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._claims.waiting and self._claims.slots_wait:
                await asyncio.sleep(0)  # they take up what was claimed: then it is known which are free
            await self._adjust()
            if self._well_supplied:
                continue  # whenever a task ends, it is looked again
            batch = self._take(min(self.room, CLAIM_BATCH))
            if not batch:
                if any(self._in_hand.values()) and self.room and self._blocked is None:
                    asyncio.get_running_loop().call_later(SETTLE_S, self._wake.set)
                continue
            try:
                await self._claim(batch)
            except (ServiceUnreachable, ServiceError) as error:
                # No message stays in hand meanwhile: back into the queue, and unsubscribe.
                log.debug("cannot claim %d tasks: %s", len(batch), error)
                for waiting in batch:
                    waiting.delivery.requeue()
                self._service_away = True
            self._wake.set()

    async def _adjust(self) -> None:
        """Subscribe, unsubscribe, and requeue, as the room asks for."""
        now = time.monotonic()
        if self._blocked is None and self._affinity.held_long(self._in_hand.values(), now):
            await self._give_back()
        if self.room:
            if await self._held_up(now):
                return
            self._full_since = None
            self._choose_prefetch(now)
            for consumer in self._consumers:
                consumer.set_prefetch(self._prefetch)
                if not consumer.active:
                    consumer.resume()
            return
        # Not since there was room the last time: a claim may take long, and what it brings is only begun now.
        self._full_since = now if self._full_since is None else self._full_since
        if self._draining or self._service_away or self._full_for_long(now):
            await self._give_back()

    def _full_for_long(self, now: float) -> bool:
        """Whether others should get what is in hand."""
        if self._full_since is None or now - self._full_since <= FULL_S:
            return False
        return now - self._ended_at > FULL_S or now - self._full_since > FULL_AND_FLOWING_S

    def _choose_prefetch(self, now: float) -> None:
        """Ask for more messages at once, and for fewer only after a while."""
        wanted = self._per_message.messages(self._claim_ahead.prefetch, self._slots)
        wanted = max(wanted, self._affinity.most_held)
        if wanted >= self._prefetch:
            self._prefetch, self._slower_since = wanted, None
        elif self._slower_since is None:
            self._slower_since = now
        elif now - self._slower_since > SLOWER_S:
            self._prefetch, self._slower_since = wanted, None

    async def _held_up(self, now: float) -> bool:
        """Whether the task that is next does not fit yet: what it needs gathers, and others get what is behind it."""
        if self._blocked is None:
            self._blocked_since = None
            return False
        self._blocked_since = now if self._blocked_since is None else self._blocked_since
        if now - self._blocked_since > HELD_S:  # it may fit elsewhere; else it is the first that comes back
            await self._give_back()
            self._blocked_since = None
        elif now - self._blocked_since > FULL_S and sum(map(len, self._in_hand.values())) > 1:
            await self._give_back(keep=self._blocked)
        return self._blocked is not None

    async def _give_back(self, keep: Waiting | None = None) -> None:
        """Unsubscribe, and requeue what is in hand, but for one."""
        if any(consumer.active for consumer in self._consumers):
            for consumer in self._consumers:
                consumer.pause()
            # What is requeued before that comes back at once.
            quiet = asyncio.gather(*(consumer.unsubscribed() for consumer in self._consumers))
            await asyncio.wait([quiet], timeout=SUBSCRIBE_S)
            quiet.cancel()
        for in_hand in self._in_hand.values():
            for waiting in in_hand:
                if waiting is not keep:
                    waiting.delivery.requeue()
            in_hand.clear()
        self._blocked = keep
        if keep is not None:
            self._in_hand[keep.delivery.queue].append(keep)

    async def release_stale(self) -> None:
        """Give back claimed tasks that no slot will start soon."""
        now = time.monotonic()
        stale = [claim for claim in self._claims.ready[self._soon :] if now - claim.claimed_at >= self._kept_s(claim)]
        if not stale:
            return
        for claim in stale:
            self._claims.forget(claim)
        try:
            await self._api.release([(claim.task.id, claim.attempt) for claim in stale])
        except (ServiceUnreachable, ServiceError) as error:
            # The next heartbeat does not list them, and the service puts them back.
            log.debug("could not give back %d tasks: %s", len(stale), error)

    def _kept_s(self, claim: Claim) -> float:
        """How long a claimed task that no slot will start soon is kept, in seconds."""
        if self._draining:
            return 0.0
        return SOON_BACK_S if claim.given else STALE_S

    async def close(self) -> None:
        """Unsubscribe; every message in hand goes back to its queue."""
        self._draining = True
        await self._adjust()
        for consumer in self._consumers:
            await consumer.close()

    def _on_delivery(self, delivery: Delivery) -> None:
        try:
            waiting = Waiting(delivery, unbundled(decode(TaskMessage, delivery.body)))
        except MessageError as error:
            task = named_task(delivery.body)
            if task is None:
                self._dead_letter(delivery, error.reason)
                return
            waiting = Waiting(delivery, [task], error.reason)
        if not self._claims.capacity.can_ever(waiting.task):
            self._decline(waiting)
            return
        self._per_message.note(len(waiting.tasks))
        self._affinity.came(waiting)
        self._in_hand[delivery.queue].append(waiting)
        self._wake.set()

    def _decline(self, waiting: Waiting) -> None:
        """Tell the service that this worker can never run a task: another one gets it, or it waits for one."""
        async def tell() -> None:
            try:
                await self._api.decline([task.id for task in waiting.tasks])
            except (ServiceUnreachable, ServiceError) as error:
                log.debug("could not decline task %s: %s", waiting.task.id, error)
                await asyncio.sleep(FULL_S)
                waiting.delivery.requeue()
            else:
                waiting.delivery.ack()

        self._in_the_background(tell())

    def _dead_letter(self, delivery: Delivery, reason: str) -> None:
        async def move() -> None:
            try:
                await self._broker.dead_letter(delivery, reason)
            except BrokerUnreachable:
                delivery.requeue()

        self._in_the_background(move())

    def _in_the_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _take(self, count: int) -> list[Waiting]:
        """The next messages in hand, by priority and affinity; those of a lost channel are forgotten.

        Right after it has subscribed to a queue, or taken what it had in hand of it, a
        worker waits a moment for more before it turns to queues of a lower priority, or starts
        another process. Nothing of a lower priority passes what is left in hand.
        """
        taken: list[Waiting] = []
        fitting = Fitting(self._claims.left, count)
        self._blocked = None
        ready = Ready(self._free, self._claims.idle, ahead=self._ahead > 0, soon=self._claim_ahead.warm)
        now = time.monotonic()
        for consumer, in_hand in zip(self._consumers, self._in_hand.values(), strict=True):
            settled = consumer.settled and now - self._took_at.get(consumer.queue, 0) >= SETTLE_S
            picked = self._affinity.pick(in_hand, fitting, ready, settled=settled)
            taken += picked.taken
            self._blocked = self._blocked or picked.blocked
            if picked.taken:
                self._took_at[consumer.queue] = now
            if picked.taken or picked.held or not settled:
                break
        return taken

    async def _claim(self, batch: list[Waiting]) -> None:
        wanted = {task.id: (waiting, task) for waiting in batch for task in waiting.tasks}
        granted = await self._api.claim(list(wanted))
        for task_id, attempt in granted.items():
            older = self._claims.get(task_id)
            if older is not None:
                # Retried, or taken from this worker, before the next heartbeat could say so.
                await self._stop_attempt(older)
            message, task = wanted[task_id]
            length = len(message.delivery.body) // len(message.tasks)
            self._claims.add(Claim(task, attempt, length, refused=message.refused))
        acknowledge(waiting.delivery for waiting in batch if waiting.refused is None)
        for waiting in batch:
            if waiting.refused is not None:
                self._dead_letter(waiting.delivery, waiting.refused)
