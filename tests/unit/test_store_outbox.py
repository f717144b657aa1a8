"""The outbox: every waiting task is handed to the broker at least once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from store_lab import Lab

from taskq_kernel.broker.names import session_queue
from taskq_kernel.messages import TaskMessage, decode
from taskq_kernel.store import outbox
from taskq_kernel.store.bulk_actions import Actor, Selection, cancel_tasks

pytest_plugins = ["store_fixtures"]


def messages(lab: Lab) -> dict[tuple[str, int], list[TaskMessage]]:
    due = lab.store.read(outbox.read_due, lab.clock.now)
    return {key: [decode(TaskMessage, body) for body in bodies] for key, bodies in due.messages.items()}


def test_a_message_has_all_that_is_needed_to_run_the_task(lab: Lab) -> None:
    [task] = lab.submit(
        "f(x) = x\0", kind="CALL", entry="f", arguments={"x": [1, 2.5, None, "é"]}, timeout_seconds=3.5,
        memory_limit=1 << 30, name="n", queue="gpu", priority=0, seed=2**53 - 1,
        threads=4, env={"B": "2", "A": "x=1"}, gpus=1,
    )
    assert messages(lab) == {("gpu", 0): [TaskMessage(
        schema=1, id=task.id, number=1, name="n", kind="CALL", code="f(x) = x\0", entry="f",
        arguments=msgspec.Raw('{"x":[1,2.5,null,"é"]}'.encode()), timeout_s=3.5, memory_limit_bytes=1 << 30,
        seed=2**53 - 1, threads=4, env={"A": "x=1", "B": "2"}, gpus=1,
    )]}


def test_the_message_of_a_cell_says_that_what_it_displays_is_kept(lab: Lab) -> None:
    worker = lab.join()
    [session] = lab.submit("# cells", kind="SESSION")
    lab.claim(worker, session)
    lab.publish()
    lab.submit("1")
    lab.submit("2", queue=session_queue(session.id))
    sent = {message.code: message.displays for these in messages(lab).values() for message in these}
    assert sent == {"1": False, "2": True}


def test_every_attempt_of_a_task_has_its_seed(lab: Lab) -> None:
    [task] = lab.submit(max_attempts=2)
    worker = lab.join()
    seeds = []
    for attempt in (1, 2, 3):
        [[message]] = messages(lab).values()
        seeds.append(message.seed)
        lab.publish()
        lab.claim(worker, task)
        if attempt == 1:  # its code fails, and it is tried again
            lab.fail(task, worker, attempt)
            lab.clock.advance(3600)
            worker = lab.join("w2")
        elif attempt == 2:  # its worker is lost
            lab.clock.advance(lab.policy.lease_s + 1)
            lab.reap()
            worker = lab.join("w3")
    assert seeds == [task.seed] * 3


def test_numbers_keep_every_digit(lab: Lab) -> None:
    from decimal import Decimal

    lab.submit(arguments={"x": Decimal("3.14159265358979323846264338327950288"), "n": 10**40})
    due = lab.store.read(outbox.read_due, lab.clock.now)
    [[body]] = due.messages.values()
    assert b"3.14159265358979323846264338327950288" in body
    assert msgspec.json.decode(body)["arguments"]["n"] == 10**40


def test_messages_are_grouped_by_queue_and_priority_oldest_first(lab: Lab) -> None:
    for queue, priority in (("a", 1), ("b", 1), ("a", 2), ("a", 1)):
        lab.submit(queue=queue, priority=priority)
    assert {key: [message.number for message in found] for key, found in messages(lab).items()} == {
        ("a", 1): [1, 4], ("b", 1): [2], ("a", 2): [3],
    }


def test_a_task_that_lost_its_worker_goes_ahead_of_those_that_wait(lab: Lab) -> None:
    # Given: a worker with a task of the lowest priority, and others that wait.
    [task] = lab.submit(queue="a", priority=0)
    worker = lab.join(queues=["a"])
    lab.publish()
    lab.claim(worker, task)
    # When: the worker is lost.
    lab.clock.advance(lab.policy.lease_s + 1)
    lab.reap()
    lab.submit(queue="a", priority=2)
    # Then: its task is in the first of the queue's queues, and keeps its own priority.
    assert {key: [message.number for message in found] for key, found in messages(lab).items()} == {("a", 2): [1, 2]}
    assert lab.task(task).priority == 0


def test_what_is_confirmed_is_not_handed_over_again(lab: Lab) -> None:
    lab.submit("1", "2")
    assert lab.publish() == [1, 2]
    assert lab.waiting() == []


def test_what_is_not_confirmed_is_handed_over_again(lab: Lab) -> None:
    lab.submit()
    assert lab.waiting() == [1]
    assert lab.waiting() == [1]


def test_a_task_that_no_longer_waits_is_taken_out_and_not_handed_over(lab: Lab) -> None:
    cancelled, deleted, waiting = lab.submit("1", "2", "3")
    lab.bulk_action("cancel", cancelled)
    lab.bulk_action("delete", deleted)
    due = lab.store.read(outbox.read_due, lab.clock.now)
    assert (due.numbers, len(due.entries)) == ([waiting.number], 3)
    lab.store.write(outbox.mark_published, due.entries)
    assert lab.store.read(outbox.read_due, lab.clock.now).entries == {}


def test_what_comes_in_while_a_batch_is_under_way_stays(lab: Lab) -> None:
    [task] = lab.submit()
    due = lab.store.read(outbox.read_due, lab.clock.now)
    lab.bulk_action("cancel", task)
    lab.bulk_action("retry", task)
    lab.store.write(outbox.mark_published, due.entries)
    assert lab.waiting() == [task.number]


def test_a_claim_takes_its_task_out_and_what_waits_again_is_not_taken_for_published(lab: Lab) -> None:
    [task] = lab.submit(max_attempts=2)
    due = lab.store.read(outbox.read_due, lab.clock.now)
    worker = lab.join()
    lab.claim(worker, task)
    assert lab.waiting() == []
    lab.fail(task, worker)  # is tried again, in a second
    lab.store.write(outbox.mark_published, due.entries)
    assert lab.store.read(outbox.published_queues, lab.clock.now + 1) == []
    lab.clock.advance(1)
    assert lab.waiting() == [task.number]


def test_what_was_handed_over_and_is_still_there_is_passed_over(lab: Lab) -> None:
    lab.submit("1", "2")
    first, second = lab.store.read(outbox.read_due, lab.clock.now).entries
    assert list(lab.store.read(outbox.read_due, lab.clock.now, {first}).entries) == [second]


def test_a_batch_has_at_most_500_tasks_and_says_that_there_is_more(lab: Lab) -> None:
    lab.submit(*["1"] * 501)
    due = lab.store.read(outbox.read_due, lab.clock.now)
    assert (len(due.numbers), due.more) == (500, True)
    lab.store.write(outbox.mark_published, due.entries)
    due = lab.store.read(outbox.read_due, lab.clock.now)
    assert (due.numbers, due.more, due.next_at) == ([501], False, None)


def test_a_batch_ends_early_when_its_messages_are_large(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "BATCH_BYTES", 1500)
    lab.submit(*[f"# {index} " + "x" * 600 for index in range(4)])
    due = lab.store.read(outbox.read_due, lab.clock.now)
    assert (len(due.numbers), len(due.entries), due.more) == (2, 2, True)


def failed_once(lab: Lab, max_attempts: int) -> Any:
    """A task whose first run has failed, with runs left."""
    [task] = lab.submit(max_attempts=max_attempts)
    lab.publish()
    worker = lab.join()
    lab.claim(worker, task)
    lab.fail(task, worker)
    return task


def test_a_retry_that_is_not_due_says_when_it_will_be(lab: Lab) -> None:
    failed_once(lab, max_attempts=2)
    due = lab.store.read(outbox.read_due, lab.clock.now)
    assert (due.entries, due.more, due.next_at) == ({}, False, lab.clock.now + 1)


def test_after_a_wipe_every_waiting_task_of_a_queue_is_handed_over_again(lab: Lab) -> None:
    running, *_waiting = lab.submit("1", "2", "3")
    lab.submit("4", queue="other")
    lab.publish()
    lab.claim(lab.join(), running)
    lab.submit("5")
    assert lab.store.read(outbox.waiting_queues) == ["default", "other"]
    assert lab.store.write(outbox.publish_again, "default") == 2
    assert sorted(lab.waiting()) == [2, 3, 5]
    assert lab.store.write(outbox.publish_again, "default") == 0


def test_after_a_wipe_a_task_does_not_wait_for_a_retry_that_was_overtaken(lab: Lab) -> None:
    # Given: a task that failed, and that its owner retried before its next run was due.
    task = failed_once(lab, max_attempts=9)
    assert lab.store.write(outbox.publish_again, "default") == 0
    lab.bulk_action("cancel", task)
    lab.bulk_action("retry", task)
    assert lab.publish() == [task.number]
    # When: the broker loses its message.
    assert lab.store.write(outbox.publish_again, "default") == 1
    # Then: it is handed over at once, not only when the earlier retry would have been.
    assert lab.waiting() == [task.number]


def test_a_purged_queue_is_found_by_what_waits_too_long(lab: Lab) -> None:
    lab.submit("1", "2", priority=2)
    lab.submit("3")
    lab.publish()
    lab.clock.advance(20)
    lab.submit("4")
    lab.publish()
    before = lab.clock.now - 15
    assert sorted(lab.store.read(outbox.published_queues, before)) == [("default", 1), ("default", 2)]
    assert lab.store.write(outbox.publish_again, "default", 2, before, 1) == 1
    assert lab.store.write(outbox.publish_again, "default", 1, before, 10) == 1
    assert sorted(lab.waiting()) == [1, 3]


def test_a_commit_says_whether_tasks_changed_and_whether_any_is_to_be_handed_over(lab: Lab) -> None:
    heard: list[tuple[int, bool, bool]] = []
    lab.store.on_commit.append(lambda write: heard.append((write.version, write.changed, write.published)))
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    lab.beat(worker)
    lab.store.write(outbox.publish_again, "default")
    assert heard == [(1, True, True), (2, True, False)]


def test_a_commit_says_whether_a_task_has_ended(lab: Lab) -> None:
    heard: list[bool] = []
    lab.store.on_commit.append(lambda write: heard.append(write.ended))
    value, failure, cancelled = lab.submit("1", "2", "3")
    worker = lab.join()
    lab.claim(worker, value, failure)
    lab.finish(value, worker)
    lab.fail(failure, worker)
    lab.store.write(cancel_tasks, Selection(ids=[cancelled.id]), Actor("ann"), frozenset())
    assert heard == [False, False, True, True, True]
