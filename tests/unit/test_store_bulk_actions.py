"""Cancel, retry and delete."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import uuid4

import pytest
from store_lab import EVERYTHING, Lab

from taskq_kernel.domain import LEGAL_TRANSITIONS, TaskStatus
from taskq_kernel.errors import Forbidden, InvalidTask, NotFound
from taskq_kernel.store import bulk_actions
from taskq_kernel.store.bulk_actions import Actor, Selection
from taskq_kernel.store.claims import ClaimReport, Log
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.records import logs_after

pytest_plugins = ["store_fixtures"]


def test_a_waiting_task_is_cancelled_and_never_starts(lab: Lab) -> None:
    [task] = lab.submit()
    done = lab.bulk_action("cancel", task)
    assert (done.changed, done.unchanged, done.tasks[0].status) == (1, 0, "CANCELLED")
    assert done.tasks[0].finished_at == lab.clock.now
    assert lab.waiting() == []
    assert lab.claim(lab.join(), task) == []


def test_a_running_task_is_cancelled_at_once(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join("w1")
    lab.claim(worker, task)
    lab.bulk_action("cancel", task)
    now = lab.task(task)
    assert (now.status, now.worker) == ("CANCELLED", "w1")
    assert lab.beat(worker, ClaimReport(task.id, 1)).stop == [task.id]


def test_what_does_not_apply_is_counted_and_left_alone(lab: Lab) -> None:
    waiting, ended = lab.submit("1", "2")
    lab.bulk_action("cancel", ended)
    before = lab.task(ended)
    done = lab.bulk_action("cancel", waiting, ended)
    assert (done.changed, done.unchanged) == (1, 1)
    assert lab.task(ended) == before
    done = lab.bulk_action("retry", waiting, lab.submit()[0])
    assert (done.changed, done.unchanged) == (1, 1)


@pytest.mark.parametrize("end", ["fail", "cancel"])
def test_a_retry_runs_a_task_without_a_value_once_more_and_keeps_the_fence(lab: Lab, end: str) -> None:
    [task] = lab.submit(max_attempts=1)
    lab.publish()
    worker = lab.join()
    lab.claim(worker, task)
    if end == "cancel":
        lab.bulk_action("cancel", task)
    else:
        getattr(lab, end)(task, worker)

    done = lab.bulk_action("retry", task)

    assert (done.changed, done.unchanged) == (1, 0)
    now = done.tasks[0]
    assert (now.status, now.attempt, now.lost, now.worker, now.progress) == ("QUEUEING", 1, 0, None, None)
    assert (now.value_json, now.value_text, now.error_name, now.finished_at, now.seconds) == (None,) * 5
    assert lab.waiting() == [task.number]
    assert lab.claim(worker, task) == [(task.id, 2)]
    assert lab.fail(task, worker, 2) == "ACCEPTED"
    assert lab.task(task).status == "FAILED"
    assert len(lab.history(task)) == 6


def finished(lab: Lab, worker: str, *codes: str, **fields: Any) -> list[Any]:
    """Tasks that have run and hold a value."""
    made = lab.submit(*codes, **fields)
    lab.publish()
    lab.claim(worker, *made)
    for task in made:
        assert lab.finish(task, worker) == "ACCEPTED"
    return made


def test_a_retry_of_a_finished_task_keeps_its_value_and_is_a_new_task_that_names_it(lab: Lab) -> None:
    worker = lab.join()
    fields = {
        "name": "mean", "arguments": {"n": 3, "s": "\0 \x10"}, "queue": "large", "priority": 2, "timeout_seconds": 7.5,
        "memory_limit": 1 << 30, "max_attempts": 4, "batch": str(uuid4()),
    }  # fmt: skip
    [task] = finished(lab, worker, "sum(1:n)", **fields)
    before, told = lab.task(task), lab.history(task)

    done = lab.bulk_action("retry", task, actor="ann")

    assert (done.changed, done.unchanged, done.created) == (1, 0, 1)
    assert (lab.task(task), lab.history(task)) == (before, told)
    [new] = done.tasks
    assert new.repeats == task.number
    assert (new.number, new.status, new.attempt, new.owner, new.batch) == (task.number + 1, "QUEUEING", 0, "ann", None)
    assert (new.value_json, new.value_text, new.started_at, new.finished_at, new.worker) == (None,) * 5
    for name in (*fields.keys() - {"timeout_seconds", "batch"}, "seed", "code", "entry", "kind", "timeout_s"):
        assert getattr(new, name) == getattr(before, name), name
    assert new.version > before.version
    assert [event.reason for event in lab.history(new)] == [f"submitted by ann, to run {task.number} again"]
    assert lab.waiting() == [new.number]
    assert lab.claim(worker, new) == [(new.id, 1)]
    assert lab.finish(new, worker) == "ACCEPTED"


def test_a_retry_of_all_kinds_gives_each_what_it_needs_in_the_order_given(lab: Lab) -> None:
    worker = lab.join()
    done1, done2 = finished(lab, worker, "1", "2")
    failed, cancelled, waiting = lab.submit("3", "4", "5", max_attempts=1)
    lab.claim(worker, failed)
    lab.fail(failed, worker)
    lab.bulk_action("cancel", cancelled)

    done = lab.bulk_action("retry", done1, failed, waiting, cancelled, done2)

    assert (done.changed, done.unchanged, done.created) == (4, 1, 2)
    assert [row.repeats for row in done.tasks] == [done1.number, None, None, None, done2.number]
    assert [row.status for row in done.tasks] == ["QUEUEING"] * 5
    assert [row.number for row in done.tasks][1:4] == [failed.number, waiting.number, cancelled.number]
    # Several that are run again at once are a batch.
    assert done.tasks[0].batch == done.tasks[4].batch != None  # noqa: E711


def test_what_was_run_again_can_be_deleted_and_its_repetition_stays(lab: Lab) -> None:
    worker = lab.join()
    [task] = finished(lab, worker, "unique()")
    [new] = lab.bulk_action("retry", task).tasks
    lab.bulk_action("delete", task)
    assert (lab.task(new).code, lab.task(new).repeats) == ("unique()", task.number)


def test_a_deleted_task_leaves_nothing_but_its_tombstone(lab: Lab) -> None:
    hidden = {
        "env": {"SECRET": "secret"}, "outputs": ["secret.csv"],
        "input_files": {"secret.txt": {"ref": "5ec4e7" + 58 * "0", "size": 1}},
    }
    task, sharing = lab.submit("secret()", "secret()", arguments={"password": "x"}, **hidden)
    [own] = lab.submit("other()")
    worker = lab.join()
    lab.claim(worker, task)
    lab.beat(worker, ClaimReport(task.id, 1), logs=[Log(task.id, 1, 1, "stdout", "secret")])
    lab.fail(task, worker)

    done = lab.bulk_action("delete", task, own)

    assert (done.changed, done.unchanged) == (2, 0)
    assert done.tasks[0].code == "secret()"
    for gone in (task, own):
        with pytest.raises(NotFound, match=gone.id):
            lab.task(gone)
    assert lab.store.read(logs_after, task.number, None) == []
    assert lab.task(sharing).code == "secret()"
    with lab.store.reader.begin() as conn:
        row = conn.exec_driver_sql("SELECT * FROM tasks WHERE number = 1").one()
        assert "secret" not in str(row).lower()
        assert "5ec4e7" not in str(row)
        assert "DomainError" not in str(row)
        assert conn.exec_driver_sql("SELECT count(*) FROM sources").scalar_one() == 1
        events = conn.exec_driver_sql("SELECT reason FROM task_events WHERE task = 1").scalars()
        assert set(events) == {""}


def test_a_running_task_is_cancelled_before_it_is_deleted(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    done = lab.bulk_action("delete", task)
    assert done.tasks[0].status == "RUNNING"  # as it was
    assert [event.status for event in lab.history(task)] == ["QUEUEING", "RUNNING", "CANCELLED"]
    assert lab.beat(worker, ClaimReport(task.id, 1)).stop == [task.id]


@pytest.mark.parametrize("verb", ["cancel", "retry", "delete"])
def test_if_an_id_is_unknown_it_is_named_and_nothing_is_changed(lab: Lab, verb: str) -> None:
    task, gone = lab.submit("1", "2")
    lab.bulk_action("delete", gone)
    before = lab.task(task)
    operation = getattr(bulk_actions, f"{verb}_tasks")
    for unknown in (str(uuid4()), gone.id, "77"):
        with pytest.raises(NotFound) as refused:
            lab.store.write(operation, Selection(ids=[task.id, unknown]), Actor("ann"), EVERYTHING)
        assert unknown in str(refused.value)
        assert refused.value.extensions == {"ids": [unknown]}
    assert lab.task(task) == before


@pytest.mark.parametrize("verb", ["cancel", "retry", "delete"])
@pytest.mark.parametrize("wrong", ["no id", "", "1e3", "٣"])
def test_if_an_id_is_none_it_is_refused_and_nothing_is_changed(lab: Lab, verb: str, wrong: str) -> None:
    [task] = lab.submit("1")
    operation = getattr(bulk_actions, f"{verb}_tasks")
    with pytest.raises(InvalidTask, match=f"'{wrong}': neither the number of a task nor its UUID"):
        lab.store.write(operation, Selection(ids=[task.id, wrong]), Actor("ann"), EVERYTHING)
    assert lab.task(task) == task


def test_a_task_is_named_by_its_number_as_well_and_changed_once(lab: Lab) -> None:
    [task] = lab.submit()
    ids = ["1", task.id, task.id.upper(), "01"]
    done = lab.store.write(bulk_actions.cancel_tasks, Selection(ids=ids), Actor("ann"), EVERYTHING)
    assert (done.changed, len(done.tasks)) == (1, 1)


@pytest.mark.parametrize("verb", ["cancel", "retry", "delete"])
def test_a_user_changes_own_tasks_only_and_an_administrator_all(lab: Lab, verb: str) -> None:
    mine, theirs = lab.submit("1")[0], lab.submit("2", owner="bob")[0]
    with pytest.raises(Forbidden, match="belong to others"):
        lab.bulk_action(verb, mine, theirs)
    assert lab.task(mine).status == "QUEUEING"
    lab.bulk_action(verb, mine, theirs, admin=True)


def test_a_filter_selects_what_may_be_changed(lab: Lab) -> None:
    batch = str(uuid4())
    lab.submit("1", "2", batch=batch)
    lab.submit("3", batch=batch, owner="bob")
    [other] = lab.submit("4")
    selection = Selection(filter=TaskFilter(batch=batch))
    done = lab.store.write(bulk_actions.cancel_tasks, selection, Actor("ann"), EVERYTHING)
    assert [task.code for task in done.tasks] == ["1", "2"]
    done = lab.store.write(bulk_actions.cancel_tasks, selection, Actor("root", own_only=False), EVERYTHING)
    assert (done.changed, done.unchanged) == (1, 2)
    assert lab.task(other).status == "QUEUEING"


def test_ids_and_filter_together_or_neither_are_refused() -> None:
    with pytest.raises(InvalidTask, match="either ids or a filter"):
        Selection()
    with pytest.raises(InvalidTask, match="either ids or a filter"):
        Selection(ids=[], filter=TaskFilter())


def test_every_recorded_transition_is_in_the_table_of_legal_ones(lab: Lab) -> None:
    tasks = lab.submit("1", "2", "3", "4", max_attempts=2)
    worker = lab.join()
    lab.claim(worker, *tasks)
    lab.finish(tasks[0], worker)
    lab.fail(tasks[1], worker)
    lab.bulk_action("cancel", tasks[2])
    lab.clock.advance(lab.policy.lease_s + 1)
    lab.reap()
    lab.bulk_action("retry", *tasks)
    for task in tasks:
        statuses = [TaskStatus(event.status) for event in lab.history(task)]
        assert statuses[0] is TaskStatus.QUEUEING
        assert all(pair in LEGAL_TRANSITIONS for pair in itertools.pairwise(statuses))
        assert statuses[-1] == lab.task(task).status
