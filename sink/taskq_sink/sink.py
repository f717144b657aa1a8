"""The sink's two steps: keep outcomes, then tell the service.

Outcomes come in whatever batches the broker has at the moment: while one is committed the
next gathers, so batches grow with the load and a single outcome waits for nothing. A
message is acknowledged once its outcome is committed here; telling the service happens
from the database, with retries for as long as it takes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
from sqlalchemy.exc import DataError, SQLAlchemyError

from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.delivery import Delivery
from taskq_kernel.client.transport import GraphQLTransport
from taskq_kernel.domain import Verdict
from taskq_kernel.errors import BrokerUnreachable, MessageError, ServiceError, ServiceUnreachable
from taskq_kernel.messages import OutcomeMessage, decode
from taskq_sink.database import ResultsDatabase

log = logging.getLogger(__name__)

#: Messages in hand at most; `taskq_kernel.broker.client.IN_HAND_BYTES` bounds their size.
PREFETCH = 500
#: Outcomes told to the service in one request, and their size in bytes.
TELL_BATCH = 200
TELL_BYTES = 8 << 20
#: Outcomes set aside that are reported at once.
REPORT_BATCH = 20
#: How often outcomes that were set aside are looked for, in seconds.
REPORT_S = 1.0
#: Back-off while the database or the service is away, in seconds.
BACKOFF_S = (0.1, 2.0)

#: A message, and the outcome that it carries.
_Kept = tuple[Delivery, OutcomeMessage]
#: What a database says of a value that it cannot hold, whatever else is well.
_NOT_STORABLE = (DataError, OverflowError, ValueError)

_RECORD = """mutation Record($outcomes: [OutcomeInput!]!) { recordOutcomes(outcomes: $outcomes) }"""


class Sink:
    """Consumes outcomes until it is cancelled."""

    def __init__(self, broker: Broker, database: ResultsDatabase, transport: GraphQLTransport) -> None:
        self._broker = broker
        self._database = database
        self._transport = transport
        self._arrived: list[Delivery] = []
        self._wake = asyncio.Event()
        self._kept = asyncio.Event()
        self._database_lock = asyncio.Lock()

    async def run(self) -> None:
        """Keep and tell, for ever."""
        self._broker.on_connect.append(self._declare)
        await self._broker.start()
        consumer = self._broker.consumer(self._broker.names.outcomes, PREFETCH, self._on_delivery)
        consumer.resume()
        self._kept.set()  # what an earlier run did not tell
        log.info("the sink keeps outcomes")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep())
                group.create_task(self._tell())
                group.create_task(self._report())
        finally:
            await consumer.close()
            await self._broker.close()

    async def _declare(self, broker: Broker) -> None:
        await broker.declare(broker.names.outcomes)

    def _on_delivery(self, delivery: Delivery) -> None:
        self._arrived.append(delivery)
        self._wake.set()

    async def _keep(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            deliveries, self._arrived = self._arrived, []
            # What came on a connection that was lost since comes again.
            outcomes = await self._decoded([one for one in deliveries if one.channel.is_open])
            if not outcomes:
                continue
            try:
                outcomes = await self._commit(outcomes)
            except SQLAlchemyError as error:
                log.error("cannot keep %d outcomes, giving them back: %s", len(outcomes), _first_line(error))
                for delivery, _ in outcomes:
                    delivery.give_back()
                await asyncio.sleep(BACKOFF_S[1])
                continue
            for delivery, _ in outcomes:
                delivery.ack()
            if outcomes:
                self._kept.set()

    async def _commit(self, outcomes: list[_Kept]) -> list[_Kept]:
        """Commit outcomes, at once or each by itself; those that no database takes are dead letters."""
        try:
            async with self._database_lock:
                await asyncio.to_thread(self._database.commit, [outcome for _, outcome in outcomes])
        except _NOT_STORABLE as error:
            if len(outcomes) == 1:
                reason = f"the results database cannot hold it: {_first_line(error)}"
                await self._dead_letter([(outcomes[0][0], reason)])
                return []
            return [kept for one in outcomes for kept in await self._commit([one])]
        return outcomes

    async def _decoded(self, deliveries: list[Delivery]) -> list[_Kept]:
        """The outcomes among the messages; the others go to the dead-letter queue."""
        decoded, others = [], []
        for delivery in deliveries:
            try:
                decoded.append((delivery, decode(OutcomeMessage, delivery.body)))
            except MessageError as error:
                others.append((delivery, error.reason))
        await self._dead_letter(others)
        return decoded

    async def _dead_letter(self, refused: list[tuple[Delivery, str]]) -> None:
        """Move messages to the dead-letter queue, all at once: a flood of them must not hold up others."""

        async def move(delivery: Delivery, reason: str) -> None:
            try:
                await self._broker.dead_letter(delivery, reason)
            except BrokerUnreachable:
                delivery.give_back()

        await asyncio.gather(*(move(delivery, reason) for delivery, reason in refused))

    async def _tell(self) -> None:
        delay, said = BACKOFF_S[0], False
        while True:
            await self._kept.wait()
            self._kept.clear()
            try:
                while await self._tell_some():
                    if said:
                        log.info("the service is back")
                    delay, said = BACKOFF_S[0], False
            except (ServiceUnreachable, ServiceError, SQLAlchemyError) as error:
                if not said:
                    log.warning("cannot tell the service, trying again: %s", _first_line(error))
                said = True
                await asyncio.sleep(delay)
                delay = min(2 * delay, BACKOFF_S[1])
                self._kept.set()

    async def _tell_some(self) -> bool:
        """Tell the oldest outcomes; False if there are none."""
        async with self._database_lock:
            outcomes = await asyncio.to_thread(self._database.untold, TELL_BATCH, TELL_BYTES)
        if not outcomes:
            return False
        try:
            verdicts = await self._record(outcomes)
        except ServiceError as error:
            if error.code != "BAD_INPUT":
                raise
            verdicts = [await self._record_alone(outcome) for outcome in outcomes]
        for outcome, verdict in zip(outcomes, verdicts, strict=True):
            if verdict is Verdict.REFUSED:
                log.info("task %s attempt %d: outcome refused", outcome.id, outcome.attempt)
        async with self._database_lock:
            await asyncio.to_thread(self._database.told, list(zip(outcomes, verdicts, strict=True)))
        return True

    async def _report(self) -> None:
        """Show what was set aside, in the dead-letter queue: the doctor and the metrics look there."""
        while True:
            try:
                while await self._report_some():
                    pass
            except (BrokerUnreachable, SQLAlchemyError) as error:
                log.debug("what was set aside is not reported yet: %s", _first_line(error))
            await asyncio.sleep(REPORT_S)

    async def _report_some(self) -> bool:
        async with self._database_lock:
            rows = await asyncio.to_thread(self._database.set_aside, REPORT_BATCH)
        if not rows:
            return False
        for row in rows:
            reason = f"kept in the results database, where this release cannot read it: {row.reason}"
            await self._broker.bury(row.body, self._broker.names.outcomes, reason)
        async with self._database_lock:
            await asyncio.to_thread(self._database.reported, rows)
        return True

    async def _record(self, outcomes: list[OutcomeMessage]) -> list[Verdict]:
        variables = {"outcomes": [_input(outcome) for outcome in outcomes]}
        reply = await asyncio.to_thread(self._transport.execute, _RECORD, variables)
        return [Verdict(verdict) for verdict in reply["recordOutcomes"]]

    async def _record_alone(self, outcome: OutcomeMessage) -> Verdict:
        """Tell one outcome: one that the service cannot read must not hold up the others."""
        try:
            return (await self._record([outcome]))[0]
        except ServiceError as error:
            if error.code != "BAD_INPUT":
                raise
            reason = _first_line(error)
            log.error("task %s attempt %d: the service cannot read it: %s", outcome.id, outcome.attempt, reason)
            return Verdict.REFUSED


def _input(outcome: OutcomeMessage) -> dict[str, Any]:
    """The outcome as GraphQL's ``OutcomeInput``."""
    value = outcome.value
    fields: dict[str, Any] = {
        "id": outcome.id,
        "attempt": outcome.attempt,
        "worker": outcome.worker,
        "status": outcome.status.value,
        "startedAt": outcome.started_at,
        "finishedAt": outcome.finished_at,
        "seconds": outcome.seconds,
        "retryable": outcome.retryable,
        "logs": [msgspec.structs.asdict(chunk) for chunk in outcome.logs],
    }
    if value is not None:
        # asdict keeps UNSET, which has no form in JSON
        fields["value"] = {k: v for k, v in msgspec.structs.asdict(value).items() if v is not msgspec.UNSET}
    if outcome.error is not None:
        fields["error"] = msgspec.structs.asdict(outcome.error)
    return fields


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
