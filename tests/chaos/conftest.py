"""A stack of its own for the tests that break it, and how they talk to it."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pika
import pytest

from chaos.arena import Arena
from chaos.fleet import Fleet, Worker, wait_for
from chaos.load import CODE, FINAL
from chaos.service import HISTORY, Service
from taskq_kernel.errors import SetupError

#: RabbitMQ's consumer timeout in these tests, and how often it looks, in milliseconds.
CONSUMER_TIMEOUT_MS = 10_000
CHANNEL_TICK_MS = 1_000


class Sitter(threading.Thread):
    """A consumer that keeps a message, as a worker must not: RabbitMQ closes its channel."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self.closed_after_s: float | None = None

    def run(self) -> None:
        connection = pika.BlockingConnection(pika.URLParameters(self._url))
        channel = connection.channel()
        channel.queue_declare("sitter", exclusive=True)
        channel.basic_publish("", "sitter", b"x")
        channel.basic_consume("sitter", lambda *_: None)
        since = time.monotonic()
        while channel.is_open and time.monotonic() - since < 30:
            connection.process_data_events(0.2)
        if not channel.is_open:
            self.closed_after_s = time.monotonic() - since
        connection.close()


@dataclass
class Battlefield:
    """A stack that may be broken: two workers with three slots, and one for the queue ``long``."""

    arena: Arena
    fleet: Fleet
    long_worker: Worker
    sitter: Sitter
    long_tasks: list[str] = field(default_factory=list)
    long_since: float = 0.0

    @property
    def service(self) -> Service:
        """The service."""
        return self.fleet.service

    def submit(self, code: str, count: int = 1, **options: Any) -> list[str]:
        """Submit the same code some times; returns once the tasks are acknowledged."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        self.service.create([{"id": one, "code": code, **options} for one in ids])
        return ids

    def submit_traced(
        self, plan: str = "ok", seconds: float = 0.0, count: int = 1, ballast: str = "", **options: Any
    ) -> list[str]:
        """Submit tasks that leave a trace in the folder of effects (see `chaos.load`).

        ``ballast`` is one more argument, which their messages and outcomes carry.
        """
        ids = [str(uuid.uuid4()) for _ in range(count)]
        arguments = {"folder": str(self.arena.effects), "plan": plan, "seconds": seconds, "ballast": ballast}
        self.service.create(
            [{"id": one, "code": CODE, "arguments": {**arguments, "uid": one}, **options} for one in ids]
        )
        return ids

    def tasks(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Tasks with their histories, in the order of their ids."""
        rows = {row["id"]: row for row in self.service.tasks(ids, HISTORY)}
        return [rows[one] for one in ids]

    def ended(self, ids: Sequence[str], timeout_s: float = 30.0) -> list[dict[str, Any]]:
        """Wait until tasks are final."""

        def all_final() -> list[dict[str, Any]]:
            rows = self.service.tasks(ids, "id status")
            return rows if len(rows) == len(ids) and all(row["status"] in FINAL for row in rows) else []

        try:
            wait_for(all_final, f"{len(ids)} tasks are final", timeout_s)
        except TimeoutError as error:
            left = [row for row in self.tasks(ids) if row["status"] not in FINAL]
            raise TimeoutError(f"{error}; {len(left)} are not, such as {left[0]['history']}") from None
        return self.tasks(ids)

    def running(self, ids: Sequence[str], timeout_s: float = 20.0) -> list[dict[str, Any]]:
        """Wait until tasks run, in Julia and not only in the database."""

        def all_run() -> bool:
            rows = self.service.tasks(ids, "status")
            traces = [(self.arena.effects / one).exists() for one in ids]
            return all(row["status"] == "RUNNING" for row in rows) and all(traces)

        wait_for(all_run, f"{len(ids)} tasks run", timeout_s)
        return self.tasks(ids)

    def worker_of(self, task: dict[str, Any]) -> Worker:
        """The worker that runs a task."""
        pids = {one["name"]: one["pid"] for one in self.service.workers()}
        return next(one for one in self.fleet.workers if one.pid == pids[task["worker"]])

    def refused(self, ids: Sequence[str]) -> int:
        """How many outcomes of these tasks the results database keeps as refused."""
        return sum(verdict == "REFUSED" for _, _, verdict in self.results(ids))

    def results(self, ids: Sequence[str]) -> list[tuple[str, int, str | None]]:
        """The rows of the results database for some tasks: id, attempt, verdict."""
        with closing(sqlite3.connect(f"file:{self.arena.results_database}?mode=ro", uri=True)) as database:
            marks = ",".join("?" * len(ids))
            query = f"SELECT task_id, attempt, verdict FROM results WHERE task_id IN ({marks})"
            return list(database.execute(query, list(ids)))


def missing(what: str) -> None:
    """A real service that is missing: a failure under CI, a skip with its reason elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="package")
def battlefield() -> Iterator[Battlefield]:
    """A stack of its own, its consumer timeout so short that a worker that sits on a message is hit."""
    with Arena() as arena:
        broker = arena.home / "broker"
        broker.mkdir(mode=0o700)
        (broker / "advanced.config").write_text(
            f"[{{rabbit, [{{consumer_timeout, {CONSUMER_TIMEOUT_MS}}},"
            f" {{channel_tick_interval, {CHANNEL_TICK_MS}}}]}}].\n"
        )
        fleet = Fleet(arena, workers=2, remote=False)
        long_worker = Worker("worker-long", arena.home / "run")
        try:
            fleet.up()
            fleet.start_worker(long_worker, TASKQ_SLOTS="1", TASKQ_QUEUES='["long"]')
            sitter = Sitter((arena.home / "tokens" / "broker.url").read_text())
            sitter.start()
            field = Battlefield(arena, fleet, long_worker, sitter)
            # Tasks for promise 7, which take long: the other tests go on beside them.
            field.long_tasks = field.submit_traced(seconds=40, queue="long")
            field.long_since = time.monotonic()
            field.long_tasks += field.submit_traced(seconds=0.1, count=5, queue="long")
            yield field
        except SetupError as error:
            missing(str(error))
        finally:
            long_worker.daemon.stop(20)
            fleet.down()


@pytest.fixture
def field(battlefield: Battlefield) -> Iterator[Battlefield]:
    """The stack, whole again before and after each test."""
    battlefield.fleet.repair()
    battlefield.fleet.wait_for_workers()
    yield battlefield
    battlefield.arena.hook_flag.unlink(missing_ok=True)
    battlefield.fleet.repair()
    battlefield.fleet.wait_for_workers()
