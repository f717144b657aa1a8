"""What the sink tells the service: one outcome that it cannot take ends its own task, and holds up no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sample_messages import OUTCOME
from stacks import until
from taskq_sink import tell
from taskq_sink.database import ResultsDatabase, results
from taskq_sink.tell import Teller

from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import ServiceError, ServiceUnreachable
from taskq_kernel.messages import ErrorInfo, OutcomeMessage

POISON = 2


class Service:
    """Stands for the service: refuses requests in which ``wrong`` finds something, with a code."""

    def __init__(self, code: str, wrong: Callable[[dict[str, Any]], bool]) -> None:
        self._code, self._wrong = code, wrong
        self.recorded: dict[int, dict[str, Any]] = {}
        self.away = 0

    def execute(self, _query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if self.away:
            self.away -= 1
            raise ServiceUnreachable("away")
        given = variables["outcomes"]
        if any(item["attempt"] == POISON and self._wrong(item) for item in given):
            raise ServiceError("its digits are too many", self._code)
        self.recorded |= {item["attempt"]: item for item in given}
        return {"recordOutcomes": ["ACCEPTED"] * len(given)}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[ResultsDatabase]:
    database = ResultsDatabase(f"sqlite:///{tmp_path / 'results.db'}")
    database.commit([outcome(attempt) for attempt in (1, POISON, 3)])
    yield database
    database.close()


def told_by(
    service: Service, database: ResultsDatabase, done: Callable[[], bool]
) -> list[tuple[int, str | None]]:
    """Tell three outcomes, of which the second is the poison, until that holds; the verdicts in the database."""
    def ended() -> bool:
        return done() and not (POISON in service.recorded and None in dict(verdicts(database)).values())

    async def scenario() -> None:
        teller = asyncio.create_task(Teller(database, service, asyncio.Lock()).run())  # type: ignore[arg-type]
        await until(ended, "all are told")
        teller.cancel()
        await asyncio.gather(teller, return_exceptions=True)

    asyncio.run(scenario())
    return verdicts(database)


def outcome(attempt: int) -> OutcomeMessage:
    return msgspec.structs.replace(OUTCOME, attempt=attempt)


def verdicts(database: ResultsDatabase) -> list[tuple[int, str | None]]:
    with database._engine.connect() as connection:
        query = sa.select(results.c.attempt, results.c.verdict).order_by(results.c.attempt)
        return [tuple(row) for row in connection.execute(query)]  # type: ignore[misc]


ALL = [(1, "ACCEPTED"), (POISON, "ACCEPTED"), (3, "ACCEPTED")]


def test_a_value_that_the_service_cannot_read_becomes_its_text_with_the_reason(database: ResultsDatabase) -> None:
    service = Service("BAD_INPUT", lambda item: item["value"]["kind"] == "JSON")
    assert told_by(service, database, lambda: len(service.recorded) == 3) == ALL
    kept = service.recorded[POISON]
    assert kept["status"] == "FINISHED"
    assert bytes(kept["value"]["data"]) == b'{"repr":"3.14"}'
    assert "only its text was kept: its digits are too many" in kept["value"]["note"]


def test_an_outcome_that_the_service_cannot_read_at_all_fails_its_task(database: ResultsDatabase) -> None:
    service = Service("BAD_INPUT", lambda item: item["status"] == "FINISHED")
    assert told_by(service, database, lambda: len(service.recorded) == 3) == ALL
    error = service.recorded[POISON]["error"]
    assert error["name"] == "UnreadableOutcome"
    assert error["message"].endswith("(FINISHED) cannot be recorded: its digits are too many")
    assert service.recorded[POISON]["retryable"] is False


#: What a service of an earlier release refuses.
UNKNOWN = {"progress", "lost", "series", "timing", "manifestSha256"}


def test_what_a_service_of_an_earlier_release_does_not_know_is_left_out_for_it(tmp_path: Path) -> None:
    database = ResultsDatabase(f"sqlite:///{tmp_path / 'results.db'}")
    told = {"lost": True, "status": TaskStatus.FAILED, "value": None, "error": ErrorInfo(name="E", message="m"),
            "progress": 0.5, "progress_message": "half", "series": msgspec.Raw(b"{}"),
            "provenance": msgspec.structs.replace(OUTCOME.provenance, manifest_sha256="a" * 64)}  # fmt: skip
    database.commit([msgspec.structs.replace(OUTCOME, attempt=attempt, **told) for attempt in (1, POISON, 3)])
    old = Service("BAD_INPUT", lambda item: not UNKNOWN.isdisjoint(item))
    assert told_by(old, database, lambda: len(old.recorded) == 3) == ALL
    assert {item["error"]["name"] for item in old.recorded.values()} == {"E"}
    assert (old.recorded[1]["lost"], old.recorded[1]["progressMessage"]) == (True, "half")
    assert old.recorded[1]["manifestSha256"] == "a" * 64
    assert UNKNOWN.isdisjoint(old.recorded[POISON])
    database.close()


def test_an_outcome_over_which_the_service_fails_is_put_off_and_then_fails_its_task(
    monkeypatch: pytest.MonkeyPatch, database: ResultsDatabase
) -> None:
    monkeypatch.setattr(tell, "PUT_OFF_S", (0.01, 0.05))
    service = Service("INTERNAL", lambda item: item["status"] == "FINISHED")
    assert told_by(service, database, lambda: len(service.recorded) == 3) == ALL
    assert service.recorded[POISON]["status"] == "FAILED"


def test_others_are_told_while_the_service_fails_over_one_whatever_is_made_of_it(
    monkeypatch: pytest.MonkeyPatch, database: ResultsDatabase
) -> None:
    monkeypatch.setattr(tell, "PUT_OFF_S", (60.0, 60.0))
    service = Service("INTERNAL", lambda _item: True)
    told = told_by(service, database, lambda: len(service.recorded) == 2)
    assert (POISON, None) in told


@pytest.mark.parametrize("code", ["UNAVAILABLE", "UNAUTHORIZED", "FORBIDDEN"])
def test_a_service_that_is_away_or_refuses_the_token_changes_no_outcome(
    code: str, database: ResultsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tell, "BACKOFF_S", (0.01, 0.05))
    left = [5]

    def at_first(_item: dict[str, Any]) -> bool:
        left[0] -= 1
        return left[0] >= 0

    service = Service(code, at_first)
    service.away = 2
    assert told_by(service, database, lambda: len(service.recorded) == 3) == ALL
    assert service.recorded[POISON]["status"] == "FINISHED"


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_telling_ends_when_it_is_cancelled_just_as_something_was_committed(
    database: ResultsDatabase, steps: int
) -> None:
    async def scenario() -> None:
        service = Service("", lambda _: False)
        teller = Teller(database, service, asyncio.Lock())  # type: ignore[arg-type]
        running = asyncio.create_task(teller.run())
        await until(lambda: len(service.recorded) == 3 and teller._wake._waiters, "all are told, and it waits")
        teller.kept([])
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        done, _ = await asyncio.wait([running], timeout=2)
        assert done, "it was cancelled, and goes on"

    asyncio.run(scenario())
