"""The sink's two steps: keep outcomes, then tell the service.

Outcomes come in whatever batches the broker has at the moment: while one is committed the
next gathers, so batches grow with the load and a single outcome waits for nothing. A message,
which may have several, is acknowledged once its outcomes are committed here; the service is told
after that, with retries for as long as it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy.exc import DataError, SQLAlchemyError

from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.delivery import Delivery, acknowledge
from taskq_kernel.errors import BrokerUnreachable, MessageError
from taskq_kernel.messages import OutcomeMessage, decode, encode, named_outcome
from taskq_kernel.outcome_bundles import outcomes_in
from taskq_kernel.transport.graphql import GraphQLTransport
from taskq_sink.database import ResultsDatabase
from taskq_sink.simpler import failed
from taskq_sink.tell import Teller, first_line

log = logging.getLogger(__name__)

#: Messages in hand at most; `taskq_kernel.broker.consumer.IN_HAND_BYTES` bounds their size.
PREFETCH = 500
#: Outcomes that are kept in one transaction: as many as the messages have that come before so many are there.
KEEP_BATCH = 1000
#: How long the next outcomes gather after a commit, in seconds: fewer commits, and fewer requests to the
#: service. One that comes later than that after the last waits for nothing. So much for each that was
#: committed, which as many will follow, and so much at most.
GATHER_S, GATHER_MOST_S = 0.01, 0.05
#: Quarantined outcomes that become dead letters at once.
REPORT_BATCH = 20
#: How often quarantined outcomes are looked for, in seconds.
REPORT_S = 1.0
#: Back-off while the database is away, in seconds, and how often one outcome is tried again
#: that it does not take while it takes others.
BACKOFF_S = (0.1, 2.0)
COMMIT_TRIES = 5



@dataclass(frozen=True, slots=True)
class _Kept:
    """An outcome, how long it is in bytes, and the message that has brought it, with others perhaps."""

    delivery: Delivery
    outcome: OutcomeMessage
    size: int


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """What stands where an outcome should, and why it cannot be read."""

    delivery: Delivery
    body: bytes
    reason: str


#: What a database says of a value that it cannot hold, whatever else is well.
NOT_STORABLE = (DataError, OverflowError, ValueError)


def backoff(times: int | None = None) -> Iterator[float]:
    """Pauses in seconds, each twice as long up to the longest; for ever, or so many."""
    pause_s, longest_s = BACKOFF_S
    for _ in itertools.count() if times is None else range(times):
        yield pause_s
        pause_s = min(2 * pause_s, longest_s)


def gather_s(kept: int) -> float:
    """How long the next outcomes gather after so many were kept at once, in seconds."""
    return min(GATHER_S * kept, GATHER_MOST_S)


class Sink:
    """Consumes outcomes until it is cancelled."""

    def __init__(self, broker: Broker, database: ResultsDatabase, transport: GraphQLTransport) -> None:
        self._broker = broker
        self._database = database
        self._arrived: deque[Delivery] = deque()
        self._wake = asyncio.Event()
        self._database_lock = asyncio.Lock()
        self._teller = Teller(database, transport, self._database_lock)
        self._consumer = broker.consumer(broker.names.outcomes, PREFETCH, self._on_delivery)

    async def run(self) -> None:
        """Keep and tell, for ever."""
        self._broker.on_connect.append(self._declare)
        await self._broker.start()
        self._consumer.resume()
        log.info("the sink keeps outcomes")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep())
                group.create_task(self._teller.run())
                group.create_task(self._report())
        finally:
            await self._consumer.close()
            await self._broker.close()
            self._mark_what_is_told()

    def _mark_what_is_told(self) -> None:
        """So that the next sink does not tell it again. It may: that changes nothing."""
        reported = self._teller.unmarked
        if reported:
            with contextlib.suppress(SQLAlchemyError):
                self._database.mark_reported(reported)

    async def _declare(self, broker: Broker) -> None:
        await broker.declare(broker.names.outcomes)

    def _on_delivery(self, delivery: Delivery) -> None:
        self._arrived.append(delivery)
        self._wake.set()

    async def _keep(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            deliveries, outcomes, others = self._next()
            if not deliveries:
                continue
            try:
                lost = await self._commit(outcomes) if outcomes else set()
                lost |= await self._dead_letter_unreadable(others)
            except SQLAlchemyError as error:
                await self._stand_still(deliveries, first_line(error))
                continue
            for delivery in lost:
                delivery.requeue()
            acknowledge([delivery for delivery in deliveries if delivery not in lost])
            await asyncio.sleep(gather_s(len(outcomes)))

    def _next(self) -> tuple[list[Delivery], list[_Kept], list[_Unreadable]]:
        """The messages to keep at once, the outcomes in them, and what of them cannot be read."""
        deliveries: list[Delivery] = []
        outcomes: list[_Kept] = []
        others: list[_Unreadable] = []
        while self._arrived and len(outcomes) < KEEP_BATCH:
            delivery = self._arrived.popleft()
            if not delivery.channel.is_open:  # what came on a connection that was lost since comes again
                continue
            deliveries.append(delivery)
            for body in outcomes_in(delivery.body):
                try:
                    outcomes.append(_Kept(delivery, decode(OutcomeMessage, body), len(body)))
                except MessageError as error:
                    others.append(_Unreadable(delivery, body, error.reason))
        if self._arrived:
            self._wake.set()
        return deliveries, outcomes, others

    async def _commit(self, outcomes: list[_Kept]) -> set[Delivery]:
        """Commit outcomes, at once or each by itself; return those whose messages have to come again.

        Raises
        ------
        SQLAlchemyError
            If the database takes nothing at all.
        """
        try:
            await self._commit_now(outcomes)
        except NOT_STORABLE as error:
            refusal: Exception = error
        except SQLAlchemyError as error:
            # Does it take anything? If so, it was away for a moment, or this is about one of them.
            await self._in_database(self._database.probe)
            refusal = error
        else:
            return set()
        if len(outcomes) > 1:
            return {delivery for one in outcomes for delivery in await self._commit([one])}
        return await self._commit_refused(outcomes[0], refusal)

    async def _commit_refused(self, kept: _Kept, refusal: Exception) -> set[Delivery]:
        """Try an outcome some times more; then it is a dead letter, and its task ends without it."""
        tries = 0 if isinstance(refusal, NOT_STORABLE) else COMMIT_TRIES
        for pause_s in backoff(tries):
            await asyncio.sleep(pause_s)
            try:
                await self._commit_now([kept])
            except NOT_STORABLE as error:
                refusal = error
                break
            except SQLAlchemyError as error:
                await self._in_database(self._database.probe)
                refusal = error
            else:
                return set()
        reason = f"the results database cannot hold it: {first_line(refusal)}"
        await self._end([failed(kept.outcome, reason)])
        return await self._dead_letter([_Unreadable(kept.delivery, encode(kept.outcome), reason)])

    async def _commit_now(self, kept: list[_Kept]) -> None:
        """Commit outcomes in one transaction, and with them what the service has made of others."""
        async with self._database_lock:
            reported = self._teller.unmarked
            new = await asyncio.to_thread(self._database.commit, [one.outcome for one in kept], reported)
            self._teller.marked(reported)
            self._teller.kept([(one.outcome, one.size) for one in kept] if new else None)

    async def _stand_still(self, deliveries: list[Delivery], reason: str) -> None:
        """Take nothing until the database takes something.

        Every message that is given back counts as delivered once more, and after
        `taskq_kernel.broker.client.DELIVERY_LIMIT` times RabbitMQ makes a dead letter of it. So
        the subscription ends first, and starts again when there is somewhere to keep them.
        """
        log.error("cannot keep %d outcomes, and take no more until the database does: %s", len(deliveries), reason)
        self._consumer.pause()
        await self._consumer.unsubscribed()
        arrived, self._arrived = self._arrived, deque()
        for delivery in (*deliveries, *arrived):
            delivery.requeue()
        for pause_s in backoff():
            await asyncio.sleep(pause_s)
            try:
                await self._in_database(self._database.probe)
            except SQLAlchemyError:
                continue
            break
        log.info("the results database is back")
        self._consumer.resume()

    async def _in_database(self, act: Callable[..., object], *arguments: object) -> None:
        async with self._database_lock:
            await asyncio.to_thread(act, *arguments)

    async def _dead_letter_unreadable(self, others: list[_Unreadable]) -> set[Delivery]:
        """Have what cannot be read be dead letters, and the tasks end that it is about."""
        ended = (named_outcome(one.body, one.reason) for one in others)
        await self._end([outcome for outcome in ended if outcome is not None])
        return await self._dead_letter(others)

    async def _end(self, outcomes: list[OutcomeMessage]) -> None:
        """Keep what can be said of outcomes that cannot be read, so that their tasks end."""
        if not outcomes:
            return
        try:
            await self._in_database(self._database.commit, outcomes)
        except (*NOT_STORABLE, SQLAlchemyError) as error:
            log.error("%d outcomes that cannot be read are not kept: %s", len(outcomes), first_line(error))
        else:
            self._teller.kept()

    async def _dead_letter(self, refused: Iterable[_Unreadable]) -> set[Delivery]:
        """Put what messages had into the dead-letter queue, all at once: a flood of it must not hold up others.

        Returns
        -------
        set of Delivery
            The messages of which that was not possible.
        """

        async def put(one: _Unreadable) -> Delivery | None:
            try:
                await self._broker.dead_letter_body(one.body, one.delivery.queue, one.reason)
            except BrokerUnreachable:
                return one.delivery
            return None

        lost = await asyncio.gather(*(put(one) for one in refused))
        return {delivery for delivery in lost if delivery is not None}

    async def _report(self) -> None:
        """Show what is quarantined, in the dead-letter queue: the doctor and the metrics look there."""
        while True:
            try:
                while await self._report_some():
                    pass
            except (BrokerUnreachable, SQLAlchemyError) as error:
                log.debug("what is quarantined is no dead letter yet: %s", first_line(error))
            await asyncio.sleep(REPORT_S)

    async def _report_some(self) -> bool:
        async with self._database_lock:
            rows = await asyncio.to_thread(self._database.quarantined, REPORT_BATCH)
        if not rows:
            return False
        for row in rows:
            reason = f"kept in the results database, where this release cannot read it: {row.reason}"
            await self._broker.dead_letter_body(row.body, self._broker.names.outcomes, reason)
        async with self._database_lock:
            await asyncio.to_thread(self._database.mark_dead_lettered, rows)
        return True
