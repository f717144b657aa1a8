"""Two services on one PostgreSQL and one RabbitMQ: either takes what is sent to it, and both know all of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from postgres_fixture import new_database
from service_process import ServiceProcess, receive, service_process, subscribe, token
from stacks import RunningStack, eventually

from taskq_kernel import connect

pytest_plugins = ["store_fixtures"]

TASKS = 100
FEED = "subscription { taskChanges { tasks { number status } } }"


class Pair:
    """Both services, with a worker of the one and a sink of the other."""

    def __init__(self, database: str, one: ServiceProcess, other: ServiceProcess) -> None:
        self.database, self.one, self.other = database, one, other


@pytest.fixture(scope="module")
def pair(stack: RunningStack, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    broker = str(stack.home / "tokens" / "broker.url")
    shared = {"broker_file": broker, "broker_prefix": f"pair-{uuid4().hex[:8]}", "queue_type": "classic"}
    with ExitStack() as running:
        database = new_database(postgres)
        services = [
            running.enter_context(
                service_process(folder / name, database=database, blobs=str(folder / "blobs"), **shared)
            )
            for name in ("one", "other")
        ]
        for part, role, service in (("worker", "worker", services[0]), ("sink", "sink", services[1])):
            running.enter_context(_part(part, role, service, folder / f"{part}-home", stack, shared))
        yield Pair(database, *services)


@contextmanager
def _part(
    name: str, role: str, service: ServiceProcess, home: Path, stack: RunningStack, shared: dict[str, str]
) -> Iterator[None]:
    home.mkdir()
    (home / "token").write_text(token(role))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TASKQ_")}
    julia = {"TASKQ_JULIA": os.environ["TASKQ_JULIA"]} if "TASKQ_JULIA" in os.environ else {}
    environment = clean | julia | {
        "TASKQ_HOME": str(home), "TASKQ_URL": f"{service.url}/graphql", "TASKQ_TOKEN_FILE": str(home / "token"),
        "TASKQ_SLOTS": "1", **{f"TASKQ_{key.upper()}": value for key, value in shared.items()},
    }  # fmt: skip
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "taskq_kernel.cli", name], env=environment, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()
        process.wait(10)


def test_tasks_of_both_are_done_once_each_and_either_feed_tells_of_all(pair: Pair) -> None:
    with (
        connect(f"{pair.one.url}/graphql", token=token("ann")) as q,
        connect(f"{pair.other.url}/graphql", token=token("ann")) as r,
        pair.one.socket() as feed,
    ):
        subscribe(feed, FEED)
        batches = [client.define("echo(x) = x").map(range(TASKS)) for client in (q, r)]
        for batch in batches:
            assert batch.results(timeout=90) == list(range(TASKS))
        numbers = {task.number for batch in batches for task in batch}
        told: set[int] = set()

        def hear() -> bool:
            changes = receive(feed)["payload"]["data"]["taskChanges"]["tasks"]
            told.update(one["number"] for one in changes if one["status"] == "FINISHED")
            return numbers <= told

        eventually(hear, "the feed of the one tells of the other's tasks as well")
    engine = sa.create_engine(pair.database)
    with engine.connect() as conn:
        events = conn.execute(sa.text("SELECT task, count(*) FROM task_events WHERE cause = 'OUTCOME' GROUP BY task"))
        assert {number: count for number, count in events if number in numbers} == dict.fromkeys(numbers, 1)
    engine.dispose()


def test_while_one_of_them_is_down_the_other_goes_on_and_what_it_left_behind_is_done(pair: Pair) -> None:
    with connect(f"{pair.one.url}/graphql", token=token("ann")) as q:
        left = [str(task.id) for task in q.submit_many(["1 + 1"] * 20)]
    # The sink tells the other one; its outcomes wait until that is there again.
    pair.other.stop(signal.SIGKILL)
    with connect(f"{pair.one.url}/graphql", token=token("ann")) as q:
        more = q.submit_many(["2 + 2"] * 20)
        pair.other.start_again()
        assert more.results(timeout=60) == [4] * 20
        assert [q.task(one).result(timeout=60) for one in left] == [2] * 20
