"""Outcomes: exactly one per attempt, from the holder only."""

from __future__ import annotations

import math

import pytest
import sqlalchemy as sa
from store_lab import Lab

from taskq_kernel.domain import TaskStatus, Verdict
from taskq_kernel.store import claims
from taskq_kernel.store.claims import Log
from taskq_kernel.store.outcomes import Error, Value
from taskq_kernel.store.policy import retry_delay_s
from taskq_kernel.store.records import logs_after
from taskq_kernel.store.statistics import read_statistics
from taskq_kernel.store.tables import refused_outcomes

pytest_plugins = ["store_fixtures"]

ACCEPTED, REPEATED, REFUSED = Verdict.ACCEPTED, Verdict.REPEATED, Verdict.REFUSED


def refused_rows(lab: Lab) -> list[tuple[int, int, str]]:
    with lab.store.reader.begin() as conn:
        rows = conn.execute(sa.select(refused_outcomes).order_by(refused_outcomes.c.attempt))
        return [(row.task, row.attempt, row.reason) for row in rows]


def test_a_finished_outcome_ends_the_task_with_its_value(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join("w1")
    lab.claim(worker, task)
    lab.clock.advance(2)
    value = Value("JSON", "BigFloat", "3.14", "3.14159265358979323846264338327950288", None, 37, "")
    assert lab.record(lab.outcome(task, worker, value=value, seconds=1.5)) == [ACCEPTED]

    now = lab.task(task)
    assert (now.status, now.seconds, now.worker, now.progress) == ("FINISHED", 1.5, "w1", 1.0)
    assert (now.value_json, now.value_type) == ("3.14159265358979323846264338327950288", "BigFloat")
    assert now.created_at <= now.started_at <= now.finished_at
    assert [event.status for event in lab.history(task)] == ["QUEUEING", "RUNNING", "FINISHED"]


def test_a_failed_outcome_ends_the_task_with_its_error(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    assert lab.fail(task, worker, error=Error("DomainError", "sqrt of -1\0", "at line 2", 2)) is ACCEPTED
    now = lab.task(task)
    assert (now.status, now.error_name, now.error_message, now.error_line) == (
        "FAILED", "DomainError", "sqrt of -1\0", 2,
    )
    assert lab.history(task)[-1].reason == "DomainError: sqrt of -1\0"


def test_an_outcome_is_known_by_the_workers_name_as_well(lab: Lab) -> None:
    [task] = lab.submit()
    lab.claim(lab.join("w1"), task)
    assert lab.finish(task, "w1") is ACCEPTED


def test_a_repeated_outcome_changes_nothing(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    outcome = lab.outcome(task, worker)
    other = lab.outcome(task, worker, value=Value("JSON", "Int64", "3", "3", None, 1, ""))
    assert lab.record(outcome, other) == [ACCEPTED, REPEATED]
    before = lab.task(task)
    lab.clock.advance(5)
    assert lab.record(outcome) == [REPEATED]
    assert lab.task(task) == before
    assert before.value_json == "2"
    assert refused_rows(lab) == []


def test_an_outcome_repeated_after_its_task_went_on_is_repeated_not_refused(lab: Lab) -> None:
    [task] = lab.submit(max_attempts=3)
    worker = lab.join()
    lab.claim(worker, task)
    failed = lab.outcome(task, worker, status=TaskStatus.FAILED)
    assert lab.record(failed) == [ACCEPTED]
    lab.claim(worker, task)
    assert lab.record(failed) == [REPEATED]
    assert lab.task(task).status == "RUNNING"


def test_the_outcome_of_an_older_attempt_is_refused_and_kept_apart(lab: Lab) -> None:
    [task] = lab.submit()
    first, second = lab.join("w1"), lab.join("w2")
    lab.claim(first, task)
    lab.clock.advance(lab.policy.lease_s + 1)
    lab.beat(second)
    lab.reap()
    lab.claim(second, task)

    assert lab.finish(task, first, attempt=1) is REFUSED
    assert lab.finish(task, first, attempt=1) is REFUSED

    now = lab.task(task)
    assert (now.status, now.attempt, now.worker) == ("RUNNING", 2, "w2")
    assert refused_rows(lab) == [(task.number, 1, "the task is at attempt 2")]
    assert [event.status for event in lab.history(task)] == ["QUEUEING", "RUNNING", "QUEUEING", "RUNNING"]
    assert lab.finish(task, second, attempt=2) is ACCEPTED


def test_an_outcome_from_a_worker_that_does_not_hold_the_task_is_refused(lab: Lab) -> None:
    [task] = lab.submit()
    lab.claim(lab.join("w1"), task)
    assert lab.finish(task, lab.join("w2")) is REFUSED
    assert refused_rows(lab) == [(task.number, 1, "the task is held by worker w1")]


@pytest.mark.parametrize("verb", ["cancel", "delete"])
def test_an_outcome_after_the_task_was_taken_away_is_refused(lab: Lab, verb: str) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    lab.bulk_action(verb, task)
    assert lab.finish(task, worker) is REFUSED
    [(_number, _attempt, reason)] = refused_rows(lab)
    assert reason == {"cancel": "the task is CANCELLED", "delete": "the task was deleted"}[verb]


def test_the_outcome_of_an_unknown_task_is_refused(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    unknown = lab.outcome(type("T", (), {"id": "5c8bd1a2-7f0e-4a54-9a3c-3a8c1f1f2a11"}), worker)
    assert lab.record(unknown, lab.outcome(task, worker)) == [REFUSED, ACCEPTED]


def test_a_task_is_tried_again_until_it_failed_as_often_as_it_may(lab: Lab) -> None:
    [task] = lab.submit(max_attempts=3)
    lab.publish()
    worker = lab.join()
    for attempt, delay in ((1, 1.0), (2, 2.0)):
        lab.claim(worker, task)
        lab.fail(task, worker, attempt)
        now = lab.task(task)
        assert (now.status, now.error_name, now.worker) == ("QUEUEING", "DomainError", None)
        assert lab.waiting() == []
        lab.clock.advance(delay - 0.01)
        assert lab.waiting() == []
        lab.clock.advance(0.02)
        assert lab.publish() == [task.number]
        lab.beat(worker)
    lab.claim(worker, task)
    lab.fail(task, worker, 3)
    assert lab.task(task).status == "FAILED"
    assert "tried again in 2 s" in lab.history(task)[4].reason


def test_the_back_off_doubles_up_to_a_minute() -> None:
    assert [retry_delay_s(failures) for failures in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert retry_delay_s(100) == 60


def test_what_cannot_end_differently_is_not_tried_again(lab: Lab) -> None:
    [task] = lab.submit(max_attempts=5)
    worker = lab.join()
    lab.claim(worker, task)
    lab.fail(task, worker, retryable=False)
    assert lab.task(task).status == "FAILED"


def test_success_after_a_failure_leaves_no_error_behind(lab: Lab) -> None:
    [task] = lab.submit(max_attempts=2)
    worker = lab.join()
    lab.claim(worker, task)
    lab.fail(task, worker)
    lab.claim(worker, task)
    lab.finish(task, worker, 2)
    now = lab.task(task)
    assert (now.status, now.error_name, now.error_stacktrace) == ("FINISHED", None, None)


@pytest.mark.parametrize(
    ("started", "finished"), [(-1e9, -1e9), (1e12, 1e12), (math.nan, math.nan), (math.inf, -math.inf)]
)
def test_a_workers_wrong_clock_does_not_upset_the_order_of_times(
    lab: Lab, started: float, finished: float
) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    lab.clock.advance(3)
    lab.record(lab.outcome(task, worker, started_at=started, finished_at=finished, seconds=math.nan))
    now = lab.task(task)
    assert now.created_at <= now.started_at <= now.finished_at <= lab.clock.now
    assert now.seconds == 0.0


def test_the_last_output_comes_with_the_outcome(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    chunks = [Log(task.id, 1, 1, "stdout", "bye"), Log(task.id, 1, 2, "stderr", "!")]
    lab.record(lab.outcome(task, worker, logs=chunks))
    assert [(item.stream, item.text) for item in lab.store.read(logs_after, task.number, None)] == [
        ("stdout", "bye"), ("stderr", "!"),
    ]


KILLED = Error("ProcessKilled", "the Julia process was killed (signal 9); give the task a memory limit")


def test_a_process_that_was_killed_from_outside_loses_its_task_which_goes_on_in_another_attempt(lab: Lab) -> None:
    worker = lab.join()
    (task,) = lab.submit()
    lab.claim(worker, task)
    lost = lab.outcome(task, worker, status=TaskStatus.FAILED, error=KILLED, lost=True, progress=0.9)
    assert lab.record(lost) == [Verdict.ACCEPTED]
    now = lab.task(task)
    assert (now.status, now.attempt, now.lost, now.progress) == ("QUEUEING", 1, 1, None)
    assert task.number in lab.waiting()
    assert lab.history(task)[-1].reason == (
        f"lost 1 of at most 3 times: ProcessKilled: {KILLED.message}"
    )
    assert lab.record(lost) == [Verdict.REPEATED]
    lab.claim(worker, task)
    assert lab.finish(task, worker, attempt=2) == Verdict.ACCEPTED
    assert (lab.task(task).status, lab.task(task).lost, lab.task(task).error_name) == ("FINISHED", 1, None)


def test_a_task_that_is_lost_with_its_process_and_its_worker_does_not_circle_for_ever(lab: Lab) -> None:
    (task, other) = lab.submit("1", "2")
    for attempt in (1, 2, 3):
        worker = lab.join(f"w{attempt}")
        lab.claim(worker, task, other)
        lab.record(*(
            lab.outcome(one, worker, attempt, status=TaskStatus.FAILED, error=KILLED, lost=True)
            for one in ((task, other) if attempt == 1 else (task,))
        ))  # fmt: skip
        lab.clock.advance(60)
        lab.reap()
    end = lab.task(task)
    assert (end.status, end.lost, end.attempt) == ("FAILED", 3, 3)
    assert (end.error_name, end.finished_at is not None) == ("ProcessKilled", True)
    assert end.error_message == f"{KILLED.message}. The task was lost 3 times, so it is not tried again"
    assert lab.history(task)[-1].reason.startswith("lost 3 of at most 3 times: ProcessKilled")
    end = lab.task(other)
    assert (end.status, end.lost, end.error_name) == ("FAILED", 3, "WorkerLost")
    assert end.error_message.startswith("its worker or its Julia process was lost 3 times while running it (w2, w3)")


def test_the_last_progress_comes_with_the_outcome(lab: Lab) -> None:
    worker = lab.join()
    done, failed, old, silent = lab.submit("1", "2", "3", "4")
    lab.claim(worker, done, failed, old, silent)
    lab.beat(worker, *(claims.ClaimReport(task.id, 1, 0.94, "47 of 50") for task in (done, failed, old)),
             claims.ClaimReport(silent.id, 1))  # fmt: skip
    lab.record(
        lab.outcome(done, worker, progress=1.0, progress_message="50 of 50"),
        lab.outcome(failed, worker, status=TaskStatus.FAILED, progress=0.98, progress_message="49 of 50"),
        lab.outcome(old, worker),  # of a worker that does not tell it
        lab.outcome(silent, worker, progress=math.nan, progress_message="?"),
    )
    shown = [(lab.task(task).progress, lab.task(task).progress_message) for task in (done, failed, old, silent)]
    assert shown == [(1.0, "50 of 50"), (0.98, "49 of 50"), (1.0, "47 of 50"), (1.0, None)]


def test_no_worker_has_more_busy_slots_than_slots_however_much_it_has_claimed(lab: Lab) -> None:
    eager, idle = lab.join("eager", slots=2), lab.join("idle", slots=3)
    tasks = lab.submit(*"12345")
    lab.claim(eager, *tasks[:4])
    read = lab.store.read(read_statistics, lab.clock.now)
    assert (read.counts["RUNNING"], read.busy, read.slots) == (4, 2, 5)
    lab.claim(idle, tasks[4])
    read = lab.store.read(read_statistics, lab.clock.now)
    assert (read.counts["RUNNING"], read.busy, read.slots, read.workers_online) == (5, 3, 5, 2)
    lab.clock.advance(60)
    lab.reap()
    read = lab.store.read(read_statistics, lab.clock.now)
    assert (read.counts["RUNNING"], read.busy, read.slots, read.workers_online) == (0, 0, 0, 0)


def test_what_ended_is_counted_by_the_minute(lab: Lab) -> None:
    tasks = lab.submit("1", "2", "3")
    worker = lab.join()
    lab.claim(worker, *tasks)
    lab.finish(tasks[0], worker)
    lab.clock.advance(60)
    lab.finish(tasks[1], worker)
    lab.fail(tasks[2], worker)
    read = lab.store.read(read_statistics, lab.clock.now)
    assert len(read.last_hour) == 60
    assert [minute[1:] for minute in read.last_hour[-2:]] == [(1, 0), (1, 1)]
    assert (read.counts["FINISHED"], read.counts["FAILED"], read.counts["QUEUEING"]) == (2, 1, 0)
