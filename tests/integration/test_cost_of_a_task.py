"""What tasks cost in messages, transactions and requests: numbers that do not depend on the machine."""

from __future__ import annotations

import re

import httpx
from stack_counts import count
from stacks import RunningStack, eventually

from taskq_kernel import connect
from taskq_kernel.client.task import Task

TASKS = 1000
LONE = 20


def requests(stack: RunningStack) -> float:
    """How many queries and mutations the service was asked so far; heartbeats are among them, one a second."""
    url = stack.url.removesuffix("graphql") + "metrics"
    text = httpx.get(url, headers={"authorization": f"Bearer {stack.token()}"}, timeout=30).text
    return sum(float(found) for found in re.findall(r'^taskq_graphql_requests_total\{.*"\} (\S+)$', text, re.MULTILINE))


def test_short_tasks_travel_in_few_messages_and_are_kept_and_told_in_company(stack: RunningStack) -> None:
    with connect(stack.url, token=stack.token()) as q:
        q.submit_many(["nothing"] * 100).wait(timeout=60)  # now it is known that they are short
        asked = requests(stack)
        with count(stack.home) as counts:
            batch = q.submit_many(["nothing"] * TASKS)
            batch.wait(timeout=120)
        asked = requests(stack) - asked
        assert {task.status for task in batch} == {"FINISHED"}
        assert {task.attempt for task in batch} == {1}
    assert 0 < counts.published <= 0.5 * TASKS, f"several tasks, and several outcomes, go together: {counts}"
    # The service publishes to nobody as well, to learn whether RabbitMQ takes messages: every two seconds.
    assert 0 < counts.delivered <= 1.05 * counts.published, f"each message is delivered once: {counts}"
    assert 0 < counts.claims <= 0.1 * TASKS, f"tasks are claimed many in a request: {counts}"
    assert 0 < counts.commits_sink <= 0.25 * TASKS, f"outcomes are kept several in a transaction: {counts}"
    assert 0 < counts.recordings <= 0.25 * TASKS, f"and told several in a request: {counts}"
    assert 0 < asked <= 0.4 * TASKS, f"the service is asked about many tasks at once: {asked} requests"


def reason_of_start(task: Task) -> str:
    """Why a task, once it has ended, began to run."""
    task.wait(timeout=60)
    return next(str(event["reason"]) for event in task.history() if event["status"] == "RUNNING")


def test_a_lone_task_takes_a_message_each_way_and_three_transactions(stack: RunningStack) -> None:
    with connect(stack.url, token=stack.token()) as q:
        # A worker that has just started says so with a heartbeat.
        eventually(lambda: "given" in reason_of_start(q.submit("nothing")), "it is given to the worker")
        with count(stack.home) as counts:
            for _ in range(LONE):
                q.submit("nothing").result(timeout=60)
    assert 2 * LONE <= counts.delivered <= 1.05 * 2 * LONE, f"one message there and one back: {counts}"
    assert counts.redelivered == 0, f"nothing is handed back: {counts}"
    # A worker whose heartbeat is late is given nothing.
    assert counts.claims <= 0.5 * LONE, f"it is given to the worker in the transaction that submits it: {counts}"
    assert counts.commits_sink <= LONE, f"one transaction of the sink: {counts}"
    assert counts.recordings <= LONE, f"one that records it: {counts}"
