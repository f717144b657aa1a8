"""Messages that nobody can use end in the dead-letter queue with the reason, and stop nobody else."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import pytest
import urllib3
from sample_messages import OUTCOME, TASK, changed
from stacks import RunningStack, eventually

from taskq_kernel import connect
from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.dead_letters import DeadLetters, drop_dead_letters, read_dead_letters
from taskq_kernel.broker.names import Names
from taskq_kernel.local.dead_letters import check_dead_letters

NAMES = Names()
TASKS, OUTCOMES = NAMES.tasks("default", 1), NAMES.outcomes


def bad_bodies(message: object) -> list[bytes]:
    chance = random.Random(5)
    return [
        b"", *[chance.randbytes(size) for size in (1, 30, 3000)], b"[1, 2]", b"null", b'{"schema": 1}',
        changed(message, schema=0), changed(message, schema=2), changed(message, id="7"), changed(message, id=None),
        b'{"schema": 1, "arguments": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ]  # fmt: skip


def publish(stack: RunningStack, queue: str, bodies: list[bytes]) -> None:
    async def act() -> None:
        broker = Broker(stack.broker_url, NAMES, "classic", "test")
        await broker.start()
        try:
            await broker.wait_connected(10)
            await broker.publish(queue, bodies)
        finally:
            await broker.close()

    asyncio.run(act())


def dead(stack: RunningStack) -> DeadLetters:
    return asyncio.run(read_dead_letters(stack.broker_url, NAMES))


@pytest.fixture(autouse=True)
def empty_dead_letters(stack: RunningStack) -> Iterator[None]:
    asyncio.run(drop_dead_letters(stack.broker_url, NAMES))
    yield
    asyncio.run(drop_dead_letters(stack.broker_url, NAMES))


def metric(stack: RunningStack, name: str) -> float:
    headers = {"authorization": f"Bearer {stack.token()}"}
    text = urllib3.request("GET", stack.url.replace("/graphql", "/metrics"), headers=headers).data.decode()
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")))


@pytest.mark.parametrize(("queue", "message"), [(TASKS, TASK), (OUTCOMES, OUTCOME)], ids=["worker", "sink"])
def test_what_is_no_message_is_dead_lettered_with_the_reason(
    stack: RunningStack, queue: str, message: object
) -> None:
    bodies = bad_bodies(message)
    publish(stack, queue, bodies)
    eventually(lambda: dead(stack).count == len(bodies), f"{len(bodies)} dead letters")
    reasons = dict(dead(stack).reasons)
    assert sum(reasons.values()) == len(bodies)
    for beginning in ("not a JSON object", "schema version 0", "schema version 2", f"not a {type(message).__name__}"):
        assert any(reason.startswith(beginning) for reason in reasons)
    # Looking takes nothing away.
    assert dead(stack).count == len(bodies)
    with connect(stack.url, token=stack.token()) as client:
        assert client.submit("1 + 1").result(timeout=30) == 2


def test_a_message_of_20_mb_is_dead_lettered_at_the_worker_and_at_the_sink(stack: RunningStack) -> None:
    publish(stack, TASKS, [changed(TASK, code="x" * (20 << 20))])
    publish(stack, OUTCOMES, [os.urandom(20 << 20)])
    eventually(lambda: dead(stack).count == 2, "two dead letters")
    assert sorted(reason.split(" bytes, ")[1] for reason, _ in dead(stack).reasons) == [
        "more than the 16777216 that a message may have"
    ] * 2
    with connect(stack.url, token=stack.token()) as client:
        assert client.submit("2 + 2").result(timeout=30) == 4


def test_an_outcome_that_no_database_holds_does_not_hold_up_the_others(stack: RunningStack) -> None:
    # Given: an outcome whose value is not UTF-8, which only storing it can tell.
    outcome = json.loads(changed(OUTCOME, id=str(uuid4())))
    outcome["value"]["data"] = "BYTES"
    publish(stack, OUTCOMES, [json.dumps(outcome).encode().replace(b"BYTES", b"\xff\xfe")])
    with connect(stack.url, token=stack.token()) as client:
        assert client.submit("3 + 3").result(timeout=30) == 6
    [(reason, count)] = eventually(lambda: dead(stack).reasons, "a dead letter")
    assert count == 1
    assert reason.startswith(("the results database cannot hold it", "not a"))


def test_an_outcome_of_another_release_in_the_results_database_holds_up_no_other_and_is_told(
    stack: RunningStack,
) -> None:
    with connect(stack.url, token=stack.token()) as client:
        first = client.submit("1 + 1")
        assert first.result(timeout=30) == 2
        with closing(sqlite3.connect(stack.home / "results.db", timeout=10)) as results, results:
            # The service has it before the sink writes down what the service made of it.
            told = "SELECT count(*) FROM results WHERE task_id = ? AND verdict IS NOT NULL"
            eventually(lambda: results.execute(told, (first.id,)).fetchone() == (1,), "the sink has told it")
            # As an older release would have left it: kept, not told, of a version that nobody knows any more.
            old = (changed(OUTCOME, schema=0), first.id)
            results.execute("UPDATE results SET verdict = NULL, message = ? WHERE task_id = ?", old)
        assert client.submit("2 + 2").result(timeout=30) == 4

    eventually(lambda: dead(stack).count == 1, "a dead letter")
    [(reason, _)] = dead(stack).reasons
    assert reason.startswith("kept in the results database, where this release cannot read it: schema version 0")
    assert reason[:80] in check_dead_letters(stack.settings).detail
    assert metric(stack, "taskq_dead_letters") == 1


def test_a_flood_of_bad_messages_does_not_stop_good_ones(stack: RunningStack) -> None:
    flood = 3000
    publish(stack, TASKS, [b"no message"] * flood)
    publish(stack, OUTCOMES, [b"no message"] * flood)
    with connect(stack.url, token=stack.token()) as client:
        tasks = [client.submit(f"{number} + 1") for number in range(5)]
        assert [task.result(timeout=40) for task in tasks] == [1, 2, 3, 4, 5]
    eventually(lambda: dead(stack).count == 2 * flood, f"{2 * flood} dead letters", 30)


def test_the_doctor_and_the_metrics_tell_of_dead_letters(stack: RunningStack) -> None:
    assert metric(stack, "taskq_dead_letters") == 0
    assert check_dead_letters(stack.settings).ok
    publish(stack, OUTCOMES, [changed(OUTCOME, schema=2), changed(OUTCOME, schema=2), b"x"])
    eventually(lambda: metric(stack, "taskq_dead_letters") == 3, "three dead letters in the metrics")
    check = check_dead_letters(stack.settings)
    assert not check.ok
    assert check.detail.startswith("3 in taskq.dead: 2 x schema version 2, and this release reads 1 only")
    assert "1 x not a JSON object" in check.detail
    assert "--drop-dead-letters" in check.mend
    done = subprocess.run(
        [sys.executable, "-m", "taskq_kernel.cli", "doctor", "--drop-dead-letters"],
        env=stack.env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "dropped 3 dead letters" in done.stderr
    assert "ok    dead letters: none in taskq.dead" in done.stdout
    assert dead(stack).count == 0
