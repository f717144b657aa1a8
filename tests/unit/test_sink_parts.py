"""The sink over RabbitMQ's double: what it keeps, what it acknowledges, and what happens to the rest."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import sqlalchemy as sa
from sample_messages import OUTCOME, changed
from sqlalchemy.exc import OperationalError
from stacks import until
from taskq_sink import sink as module
from taskq_sink import tell
from taskq_sink.database import Reported, ResultsDatabase, results
from taskq_sink.sink import Sink, gather_s

from taskq_kernel.broker.double import MemoryBroker, MemoryRabbit
from taskq_kernel.broker.names import Names
from taskq_kernel.errors import BrokerUnreachable, ServiceUnreachable
from taskq_kernel.messages import OutcomeMessage, encode
from taskq_kernel.outcome_bundles import bundled

NAMES = Names("q")


class Service:
    """Stands for the service: accepts all outcomes."""

    def __init__(self) -> None:
        self.away = False
        self.recorded: list[int] = []

    def execute(self, _query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if self.away:
            raise ServiceUnreachable("away")
        self.recorded += [one["attempt"] for one in variables["outcomes"]]
        return {"recordOutcomes": ["ACCEPTED"] * len(variables["outcomes"])}


class Lab:
    """A sink at work, and a worker's connection to the same RabbitMQ."""

    def __init__(self, database: ResultsDatabase) -> None:
        self.rabbit = MemoryRabbit()
        self.worker = MemoryBroker(self.rabbit, NAMES)
        self.service = Service()
        self.database = database
        self.sink = Sink(MemoryBroker(self.rabbit, NAMES), database, cast("Any", self.service))

    async def publish(self, *bodies: bytes) -> None:
        await self.worker.publish(NAMES.outcomes, bodies)

    async def until_acknowledged(self) -> None:
        await until(lambda: self.rabbit.unsettled(NAMES.outcomes) == 0, "all are acknowledged")

    @property
    def unmarked(self) -> int:
        """How many the database does not know to be told."""
        with self.database._engine.connect() as connection:
            query = sa.select(sa.func.count()).where(results.c.verdict.is_(None))
            return connection.scalar(query) or 0

    @property
    def kept(self) -> list[int]:
        with self.database._engine.connect() as connection:
            return list(connection.scalars(sa.select(results.c.attempt).order_by(results.c.attempt)))


def outcome(attempt: int) -> bytes:
    return encode(msgspec.structs.replace(OUTCOME, attempt=attempt))


Play = Callable[[Callable[[Lab], Awaitable[None]]], Lab]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    monkeypatch.setattr(module, "BACKOFF_S", (0.01, 0.05))

    def run(scene: Callable[[Lab], Awaitable[None]]) -> Lab:
        async def act() -> Lab:
            database = ResultsDatabase(f"sqlite:///{tmp_path / 'results.db'}")
            lab = Lab(database)
            await lab.worker.start()
            await lab.worker.wait_connected(10)
            await lab.worker.declare(NAMES.outcomes)
            job = asyncio.create_task(lab.sink.run())
            try:
                await scene(lab)
            finally:
                job.cancel()
                await asyncio.gather(job, return_exceptions=True)
                await lab.worker.close()
                database.close()
            return lab

        return asyncio.run(asyncio.wait_for(act(), 60))

    return run


def test_outcomes_are_kept_and_the_service_is_told(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.publish(*map(outcome, range(1, 51)))
        await until(lambda: sorted(lab.service.recorded) == list(range(1, 51)), "the service has all, each once")
        assert lab.kept == list(range(1, 51))
        await lab.until_acknowledged()

    play(scene)


def test_an_outcome_that_comes_twice_is_kept_and_told_once(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.publish(outcome(1), outcome(1))
        await until(lambda: lab.service.recorded == [1], "it is told")
        await lab.publish(outcome(1), outcome(2))
        await until(lambda: lab.service.recorded == [1, 2], "only the other is told")
        assert lab.kept == [1, 2]

    play(scene)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One for each time that the database was asked for what is not told."""
    read = ResultsDatabase.unreported
    made: list[int] = []

    def count(database: ResultsDatabase, *arguments: Any) -> Any:
        made.append(1)
        return read(database, *arguments)

    monkeypatch.setattr(ResultsDatabase, "unreported", count)
    monkeypatch.setattr(tell, "LOOK_S", 3600.0)  # it is asked now and then all the same
    return made


def test_what_was_just_committed_is_told_without_reading_it_back(play: Play, reads: list[int]) -> None:
    async def scene(lab: Lab) -> None:
        await until(lambda: len(reads) == 1, "what an earlier run did not tell is looked for")
        for attempt in range(1, 6):
            await lab.publish(outcome(attempt))
            await until(lambda attempt=attempt: attempt in lab.service.recorded, "it is told")
        await lab.publish(*map(outcome, range(6, 40)))
        await until(lambda: lab.service.recorded == list(range(1, 40)), "all are told, each once")
        await until(lambda: lab.unmarked == 0, "and marked, though nothing else is committed")
        assert len(reads) == 1

    play(scene)


def test_what_does_not_fit_into_memory_is_told_from_the_database(
    play: Play, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tell, "MEMORY_BYTES", 3 * len(outcome(1)))

    async def scene(lab: Lab) -> None:
        await until(lambda: len(reads) == 1, "what an earlier run did not tell is looked for")
        await lab.publish(*map(outcome, range(1, 51)))
        await until(lambda: sorted(lab.service.recorded) == list(range(1, 51)), "all are told, each once")
        await until(lambda: lab.unmarked == 0, "and marked")
        assert len(reads) > 1

    play(scene)


def test_what_is_told_and_not_marked_when_the_sink_ends_is_marked_at_its_end(
    play: Play, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tell, "MARK_S", 3600.0)

    async def scene(lab: Lab) -> None:
        await lab.publish(outcome(1))
        await until(lambda: lab.service.recorded == [1], "it is told")
        assert lab.unmarked == 1
        await lab.publish(outcome(2))
        await until(lambda: lab.service.recorded == [1, 2], "another is told")
        assert lab.unmarked == 1, "the first was marked with the commit of the second"

    play(scene)
    with closing(sqlite3.connect(tmp_path / "results.db")) as connection:
        assert connection.execute("SELECT count(*) FROM results WHERE verdict IS NULL").fetchone() == (0,)


def test_while_the_service_is_away_outcomes_are_kept_and_acknowledged(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        lab.service.away = True
        await lab.publish(outcome(1))
        await until(lambda: lab.kept == [1], "it is kept")
        await lab.until_acknowledged()
        lab.rabbit.go_away()
        lab.service.away = False
        await until(lambda: lab.service.recorded == [1], "it is told from the database, with no broker")

    play(scene)


def test_nothing_is_acknowledged_or_taken_while_the_database_takes_nothing(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OperationalError("INSERT", {}, Exception("database or disk is full"))

    def refuse(*_: object) -> None:
        raise full

    async def scene(lab: Lab) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(ResultsDatabase, "commit", refuse)
            patch.setattr(ResultsDatabase, "probe", refuse)
            await lab.publish(outcome(1), outcome(2))
            await until(lambda: len(lab.rabbit.bodies(NAMES.outcomes)) == 2, "both are back in the queue")
            await lab.publish(outcome(3))
            assert len(lab.rabbit.bodies(NAMES.outcomes)) == 3, "it is not subscribed"
        await until(lambda: sorted(lab.service.recorded) == [1, 2, 3], "it goes on when there is room")
        await lab.until_acknowledged()

    play(scene)


def test_what_cannot_be_read_is_a_dead_letter_with_the_reason_and_its_task_fails(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.publish(changed(OUTCOME, status="PERHAPS"), b"not JSON", outcome(7))
        await until(lambda: len(lab.rabbit.messages(NAMES.dead)) == 2, "both are dead letters")
        await until(lambda: sorted(lab.service.recorded) == [OUTCOME.attempt, 7], "their tasks end")
        headers = [message.headers for message in lab.rabbit.messages(NAMES.dead)]
        assert {one["x-taskq-queue"] for one in headers} == {NAMES.outcomes}
        assert all(one["x-taskq-reason"] for one in headers)

    play(scene)


def test_outcomes_that_came_in_one_message_are_kept_and_told_each_by_itself(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        [together] = bundled([outcome(1), changed(OUTCOME, attempt=2, status="PERHAPS"), outcome(3)])
        await lab.publish(together, outcome(4))
        await until(lambda: sorted(lab.service.recorded) == [1, 2, 3, 4], "all end, the second as a failure")
        await lab.until_acknowledged()
        [letter] = lab.rabbit.messages(NAMES.dead)
        assert letter.body == changed(OUTCOME, attempt=2, status="PERHAPS"), "it alone is a dead letter"

    play(scene)


def test_a_message_of_which_something_cannot_be_a_dead_letter_comes_again(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[bytes] = []
    put = MemoryBroker.dead_letter_body

    async def put_later(broker: MemoryBroker, body: bytes, queue: str, reason: str) -> None:
        tries.append(body)
        if len(tries) == 1:
            raise BrokerUnreachable("away")
        await put(broker, body, queue, reason)

    async def scene(lab: Lab) -> None:
        monkeypatch.setattr(MemoryBroker, "dead_letter_body", put_later)
        await lab.publish(*bundled([outcome(1), b'"no outcome"', outcome(3)]))
        await until(lambda: len(lab.rabbit.messages(NAMES.dead)) == 1, "it is a dead letter in the end")
        await lab.until_acknowledged()
        assert sorted(lab.service.recorded) == [1, 3], "the others are told once"

    play(scene)


def test_more_outcomes_than_are_kept_at_once_are_kept_one_message_after_another(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEEP_BATCH", 3)

    async def scene(lab: Lab) -> None:
        bundles = [body for first in (1, 11, 21) for body in bundled([outcome(first + n) for n in range(10)])]
        await lab.publish(*bundles)
        await until(lambda: sorted(lab.service.recorded) == list(range(1, 31)), "all are told, each once")
        await lab.until_acknowledged()

    play(scene)


def test_one_that_the_database_cannot_hold_holds_up_no_other(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = ResultsDatabase.commit

    def commit_most(
        database: ResultsDatabase, outcomes: list[OutcomeMessage], reported: Sequence[Reported] = ()
    ) -> bool:
        if any(one.attempt == 2 and one.value is not None for one in outcomes):
            raise ValueError("it is not storable")
        return commit(database, outcomes, reported)

    async def scene(lab: Lab) -> None:
        monkeypatch.setattr(ResultsDatabase, "commit", commit_most)
        await lab.publish(*bundled([outcome(attempt) for attempt in (1, 2, 3)]))
        await until(lambda: sorted(lab.service.recorded) == [1, 2, 3], "all end, the second as a failure")
        await lab.until_acknowledged()
        [letter] = lab.rabbit.messages(NAMES.dead)
        assert "cannot hold it" in letter.headers["x-taskq-reason"]

    play(scene)


def test_what_came_on_a_connection_that_was_lost_is_kept_once(play: Play) -> None:
    async def scene(lab: Lab) -> None:
        await lab.publish(*map(outcome, range(1, 6)))
        lab.rabbit.drop_connections()
        await until(lambda: sorted(lab.service.recorded) == [1, 2, 3, 4, 5], "each is told once")
        await lab.until_acknowledged()

    play(scene)


def test_the_more_outcomes_were_kept_at_once_the_longer_the_next_gather_up_to_a_bound() -> None:
    assert [gather_s(kept) for kept in (1, 2, 4, 400)] == [0.01, 0.02, 0.04, 0.05]
