"""What many short tasks cost in messages, transactions and requests: numbers that do not depend on the machine."""

from __future__ import annotations

from stack_counts import count
from stacks import RunningStack

from taskq_kernel import connect

TASKS = 1000


def test_short_tasks_are_delivered_once_and_kept_and_told_in_company(stack: RunningStack) -> None:
    with connect(stack.url, token=stack.token()) as q:
        q.submit_many(["nothing"] * 100).wait(timeout=60)  # now the worker knows that they are short
        with count(stack.home) as counts:
            batch = q.submit_many(["nothing"] * TASKS)
            batch.wait(timeout=120)
        assert {task.status for task in batch} == {"FINISHED"}
    assert 2 * TASKS <= counts.published <= 2.1 * TASKS, f"a message for the task, one for its outcome: {counts}"
    # The service publishes to nobody as well, to learn whether RabbitMQ takes messages: every two seconds.
    assert 2 * TASKS <= counts.delivered <= 1.05 * counts.published, f"each is delivered once: {counts}"
    assert 0 < counts.claims <= 0.25 * TASKS, f"tasks are claimed many in a request: {counts}"
    assert 0 < counts.commits_sink <= 0.5 * TASKS, f"outcomes are kept several in a transaction: {counts}"
    assert 0 < counts.recordings <= 0.5 * TASKS, f"and told several in a request: {counts}"
