"""The sink with a results database that is away, or takes all but one outcome; RabbitMQ is real."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import sqlalchemy as sa
from sample_messages import OUTCOME, changed
from sqlalchemy.exc import OperationalError
from stacks import RunningStack, until
from taskq_sink import sink as sinks
from taskq_sink.database import Reported, ResultsDatabase, results
from taskq_sink.sink import Sink

from taskq_kernel.broker import client as broker_client
from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.names import Names
from taskq_kernel.messages import OutcomeMessage, encode

PROBES = 40


class Database(ResultsDatabase):
    """A results database that can be made to take nothing, or not a certain attempt."""

    away = False
    probes = 0
    refused_attempt = -1

    def commit(self, outcomes: Sequence[OutcomeMessage], reported: Sequence[Reported] = ()) -> bool:
        if self.away or any(one.attempt == self.refused_attempt and one.value for one in outcomes):
            raise OperationalError("INSERT", {}, Exception("away"))
        return super().commit(outcomes, reported)

    def probe(self) -> None:
        if self.away:
            self.probes += 1
            raise OperationalError("INSERT", {}, Exception("away"))
        super().probe()

    def rows(self) -> dict[int, tuple[str, str | None]]:
        """Statuses and verdicts by attempt."""
        with self._engine.connect() as connection:
            return {row.attempt: (row.status, row.verdict) for row in connection.execute(sa.select(results))}


class Service:
    """Takes every outcome."""

    def execute(self, _query: str, variables: dict[str, Any]) -> dict[str, Any]:
        return {"recordOutcomes": ["ACCEPTED"] * len(variables["outcomes"])}


def with_sink(
    stack: RunningStack,
    scenario: Callable[[Broker, Database, Sink], Any],
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
) -> None:
    """Run a sink on a quorum queue of its own, in which few deliveries make a dead letter."""
    monkeypatch.setattr(sinks, "BACKOFF_S", (0.02, 0.02))
    monkeypatch.setattr(broker_client, "DELIVERY_LIMIT", 5)

    async def act() -> None:
        database = Database(f"sqlite:///{folder / 'results.db'}")
        broker = Broker(stack.broker_url, Names(f"test-{uuid4().hex[:8]}"), "quorum", "test")
        looking = Broker(stack.broker_url, broker.names, "quorum", "test too")
        await looking.start()
        await looking.wait_connected(10)
        # First, and alone: RabbitMQ 3.10 may refuse messages to a quorum queue that two declare at once.
        await looking.declare(broker.names.outcomes)
        sink = Sink(broker, database, Service())  # type: ignore[arg-type]
        task = asyncio.create_task(sink.run())
        try:
            await scenario(looking, database, sink)
        finally:
            for queue in (broker.names.outcomes, broker.names.dead):
                channel = await looking.open_channel()
                await channel.call(channel.raw.queue_delete, queue=queue)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await looking.close()
            database.close()

    asyncio.run(act())


def outcome(attempt: int) -> bytes:
    return encode(msgspec.structs.replace(OUTCOME, attempt=attempt))


def test_a_database_that_is_away_for_long_makes_no_dead_letter_of_an_outcome(
    stack: RunningStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def scenario(broker: Broker, database: Database, sink: Sink) -> None:
        database.away = True
        await broker.publish(broker.names.outcomes, [outcome(attempt) for attempt in (1, 2, 3)])
        # When: it is away for many more tries than a message may be delivered
        await until(lambda: database.probes > PROBES, "the sink asks whether it is back")
        assert await broker.ready_count(broker.names.dead) == 0
        assert await broker.ready_count(broker.names.outcomes) == 3
        database.away = False
        await until(lambda: len(database.rows()) == 3, "all are kept")
        assert await broker.ready_count(broker.names.dead) == 0

    with_sink(stack, scenario, monkeypatch, tmp_path)


def test_an_outcome_that_the_database_alone_does_not_take_ends_as_a_failure_and_the_others_are_kept(
    stack: RunningStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def scenario(broker: Broker, database: Database, _sink: Sink) -> None:
        database.refused_attempt = 2
        await broker.publish(broker.names.outcomes, [outcome(attempt) for attempt in (1, 2, 3)])
        await until(lambda: len(database.rows()) == 3 and all(v for _, v in database.rows().values()), "all are told")
        assert {attempt: status for attempt, (status, _) in database.rows().items()} == {
            1: "FINISHED", 2: "FAILED", 3: "FINISHED",
        }  # fmt: skip
        assert await broker.ready_count(broker.names.dead) == 1

    with_sink(stack, scenario, monkeypatch, tmp_path)


def test_an_outcome_that_cannot_be_read_ends_its_task_where_it_can_be_told_which_that_is(
    stack: RunningStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def scenario(broker: Broker, database: Database, _sink: Sink) -> None:
        bodies = [changed(OUTCOME, attempt=7, seconds=None), changed(OUTCOME, attempt=8, provenance=3), b"no message"]
        await broker.publish(broker.names.outcomes, bodies)
        await until(lambda: set(database.rows()) == {7, 8}, "both are kept")
        assert {status for status, _ in database.rows().values()} == {"FAILED"}
        async with asyncio.timeout(10):
            while await broker.ready_count(broker.names.dead) < 3:
                await asyncio.sleep(0.01)

    with_sink(stack, scenario, monkeypatch, tmp_path)
