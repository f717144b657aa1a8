"""Claims and heartbeats: who holds a task, and what it may say about it."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from store_lab import Lab
from taskq_worker.claims.claim import Claim as WorkersClaim
from taskq_worker.slots.output import TaskOutput

from taskq_kernel import displays
from taskq_kernel.errors import ServiceError
from taskq_kernel.store.claims import ClaimReport, Log, claim_tasks
from taskq_kernel.store.policy import Policy
from taskq_kernel.store.records import logs_after
from taskq_kernel.store.series import MAX_SERIES_CHARACTERS, series_of
from taskq_kernel.store.tables import task_series

pytest_plugins = ["store_fixtures"]


def held(task: Any, attempt: int = 1, **given: Any) -> ClaimReport:
    return ClaimReport(task.id, attempt, **given)


def log(task: Any, seq: int, text: str, attempt: int = 1) -> Log:
    return Log(task.id, attempt, seq, "stdout", text)


def test_a_claim_makes_a_task_run_with_the_next_attempt(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join("w1")
    assert lab.claim(worker, task) == [(task.id, 1)]
    now = lab.task(task)
    assert (now.status, now.attempt, now.worker, now.started_at) == ("RUNNING", 1, "w1", lab.clock.now)
    assert [event.status for event in lab.history(task)] == ["QUEUEING", "RUNNING"]


def test_of_many_claims_those_that_can_be_are_granted(lab: Lab) -> None:
    waiting, running, cancelled, finished, deleted = lab.submit("1", "2", "3", "4", "5")
    worker, other = lab.join("w1"), lab.join("w2")
    lab.claim(other, running, finished)
    lab.finish(finished, other)
    lab.bulk_action("cancel", cancelled)
    lab.bulk_action("delete", deleted)

    ids = [task.id for task in (waiting, running, cancelled, finished, deleted)]
    granted = lab.store.write(claim_tasks, worker, [*ids, str(uuid4()), "no uuid", waiting.id, "1"])

    assert granted == [(waiting.id, 1)]
    assert lab.task(running).worker == "w2"


def test_a_claim_made_twice_is_granted_once(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    assert lab.claim(worker, task) == [(task.id, 1)]
    assert lab.claim(worker, task) == []


@pytest.mark.parametrize("worker", ["8c4f2d1e-52a5-4d55-9a43-6f0c8ce1a0aa", "nobody", "", "a\0b"])
def test_a_worker_that_never_joined_is_told_so(lab: Lab, worker: str) -> None:
    with pytest.raises(ServiceError, match="register first") as refused:
        lab.claim(worker, *lab.submit())
    assert refused.value.code == "WORKER_UNKNOWN"


def test_a_worker_whose_lease_ran_out_is_told_so_and_may_come_back(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.clock.advance(lab.policy.lease_s + 0.1)
    lab.reap()
    for call in (lambda: lab.claim(worker, task), lambda: lab.beat(worker)):
        with pytest.raises(ServiceError, match="register again") as refused:
            call()
        assert refused.value.code == "LEASE_LOST"
    assert lab.join(id=worker) == worker
    assert lab.claim(worker, task) == [(task.id, 1)]


def test_a_heartbeat_renews_the_lease(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    for _ in range(5):
        lab.clock.advance(lab.policy.lease_s - 0.5)
        lab.beat(worker, held(task))
        assert lab.reap() == ([], 0)
    assert lab.task(task).status == "RUNNING"


@pytest.mark.parametrize(
    ("said", "kept"), [(0.25, 0.25), (-1.0, 0.0), (7.0, 1.0), (float("inf"), 1.0), (float("nan"), None)]
)
def test_progress_is_kept_between_0_and_1(lab: Lab, said: float, kept: float | None) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    lab.beat(worker, held(task, progress=said, progress_message="half\0way"))
    now = lab.task(task)
    assert now.progress == kept
    assert now.progress_message == (None if kept is None else "half\0way")


def test_progress_has_a_version_only_when_it_changed(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    lab.beat(worker, held(task, progress=0.5))
    version = lab.task(task).version
    lab.beat(worker, held(task, progress=0.5))
    assert lab.task(task).version == version
    lab.beat(worker, held(task, progress=0.6))
    assert lab.task(task).version == version + 1


def test_progress_of_a_task_that_the_worker_does_not_hold_is_ignored(lab: Lab) -> None:
    mine, others = lab.submit("1", "2")
    worker, other = lab.join("w1"), lab.join("w2")
    lab.claim(worker, mine)
    lab.claim(other, others)
    lab.beat(worker, held(mine, attempt=9, progress=0.5), held(others, progress=0.5))
    assert lab.task(mine).progress is None
    assert lab.task(others).progress is None


def test_a_worker_is_told_to_stop_what_it_no_longer_holds(lab: Lab) -> None:
    kept, cancelled, deleted, older, others = lab.submit("1", "2", "3", "4", "5")
    worker, other = lab.join("w1"), lab.join("w2")
    lab.claim(worker, kept, cancelled, deleted, older)
    lab.claim(other, others)
    lab.bulk_action("cancel", cancelled)
    lab.bulk_action("delete", deleted)

    reply = lab.beat(
        worker, held(kept), held(cancelled), held(deleted), held(older, attempt=7), held(others),
        ClaimReport(str(uuid4()), 1),
    )

    assert set(reply.stop) >= {cancelled.id, deleted.id, older.id, others.id}
    assert kept.id not in reply.stop
    assert len(reply.stop) == 5
    assert reply.settled == []


def test_a_worker_is_told_which_of_its_outcomes_have_arrived(lab: Lab) -> None:
    arrived, under_way, cancelled = lab.submit("1", "2", "3")
    worker = lab.join()
    lab.claim(worker, arrived, under_way, cancelled)
    lab.finish(arrived, worker)
    lab.bulk_action("cancel", cancelled)

    reply = lab.beat(worker, *(held(task, done=True) for task in (arrived, under_way, cancelled)))

    assert set(reply.settled) == {arrived.id, cancelled.id}
    assert reply.stop == []
    assert lab.task(under_way).status == "RUNNING"


def test_a_claim_whose_answer_was_lost_goes_back_after_a_lease_and_counts_as_no_loss(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.publish()
    lab.claim(worker, task)
    lab.clock.advance(lab.policy.lease_s - 0.5)
    lab.beat(worker)
    assert lab.task(task).status == "RUNNING"

    lab.clock.advance(1)
    lab.beat(worker)

    now = lab.task(task)
    assert (now.status, now.lost, now.worker, now.started_at) == ("QUEUEING", 0, None, None)
    assert lab.waiting() == [task.number]
    assert lab.claim(worker, task) == [(task.id, 2)]


def test_output_is_kept_in_order_and_each_piece_once(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    lab.beat(worker, held(task), logs=[log(task, 1, "one\0"), log(task, 2, "two")])
    lab.beat(worker, held(task), logs=[log(task, 2, "two again"), log(task, 3, "é" * 3)])

    assert [(item.seq, item.text) for item in lab.store.read(logs_after, task.number, None)] == [
        (1, "one\0"), (2, "two"), (3, "ééé"),
    ]
    assert [item.seq for item in lab.store.read(logs_after, task.number, 2)] == [3]


def test_output_of_another_attempt_is_ignored(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    lab.beat(worker, held(task), logs=[log(task, 1, "old", attempt=9)])
    assert lab.store.read(logs_after, task.number, None) == []


@pytest.mark.parametrize("line", ["{:09d}\n", "é😀{:09d}\n"])
@pytest.mark.parametrize("lines_a_chunk", [1, 7, 200])
@pytest.mark.parametrize("chunks_a_beat", [1, 16])
def test_of_output_beyond_the_limit_the_beginning_and_the_end_are_kept_and_what_is_missing_is_told(
    lab: Lab, line: str, lines_a_chunk: int, chunks_a_beat: int
) -> None:
    lab.policy = Policy(max_log_bytes=1024)
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    whole = "".join(map(line.format, range(200)))
    width = len(line.format(0)) * lines_a_chunk
    pieces = [log(task, 1 + at // width, whole[at : at + width]) for at in range(0, len(whole), width)]
    for at in range(0, len(pieces), chunks_a_beat):
        lab.beat(worker, held(task), logs=pieces[at : at + chunks_a_beat])

    kept = "".join(item.text for item in lab.store.read(logs_after, task.number, None))
    head, missing, tail = re.split(r"\n\[taskq: ([\d,]+) bytes of output are left out here\]\n", kept)
    assert len(kept.encode()) <= 1024
    assert min(len(head), len(tail)) > 50
    assert whole.startswith(head)
    assert whole.endswith(tail)
    assert int(missing.replace(",", "")) == len(whole.encode()) - len(head.encode()) - len(tail.encode())


PICTURE = displays.piece_of({"image/svg+xml": "<svg/>", "text/plain": "Dot(1)"})


def test_what_is_displayed_is_text_in_a_log_unless_all_of_it_is_asked_for(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    shown = Log(task.id, 1, 2, displays.STREAM, PICTURE)
    lab.beat(worker, held(task), logs=[log(task, 1, "before\n"), shown, log(task, 3, "after\n")])

    text = lab.store.read(logs_after, task.number, None)
    assert [(one.seq, one.stream, one.text) for one in text][1] == (2, "stdout", "Dot(1)\n")
    whole = lab.store.read(logs_after, task.number, 1, True)
    assert [(one.seq, one.stream) for one in whole] == [(2, displays.STREAM), (3, "stdout")]
    assert displays.bundle_of(whole[0].text) == {"image/svg+xml": "<svg/>", "text/plain": "Dot(1)"}


def test_where_a_log_is_too_long_what_is_displayed_is_never_cut_but_text(lab: Lab) -> None:
    lab.policy = Policy(max_log_bytes=1024)
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    long = displays.piece_of({"image/svg+xml": "<svg/>" * 200, "text/plain": "Dot(1)"})
    lab.beat(worker, held(task), logs=[log(task, 1, "before\n"), Log(task.id, 1, 2, displays.STREAM, long)])
    kept = "".join(one.text for one in lab.store.read(logs_after, task.number, None, True))
    assert kept.startswith("before\nDot(1)\n[taskq: a display of 1,2")
    lab.beat(worker, held(task), logs=[log(task, 3, "x" * 2000)])
    kept = "".join(one.text for one in lab.store.read(logs_after, task.number, None, True))
    assert len(kept) <= 1024
    assert "<svg" not in kept


def test_output_that_just_fits_is_kept_whole(lab: Lab) -> None:
    lab.policy = Policy(max_log_bytes=1024)
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    lab.beat(worker, held(task), logs=[log(task, 1, "x" * 1021), log(task, 2, "é"), log(task, 3, "y")])
    kept = lab.store.read(logs_after, task.number, None)
    assert [item.text for item in kept] == ["x" * 1021, "é", "y"]


def test_the_last_words_of_a_long_output_come_through_worker_and_service(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    at_worker = WorkersClaim(task=task, attempt=1)
    output = TaskOutput(lab.policy.max_log_bytes, at_worker.add_output)
    for number in range(300_000):
        output.feed("stdout", b"%d\n" % number)
    output.feed("stdout", b"LAST WORDS\n")
    output.finish()
    lab.record(lab.outcome(task, worker, logs=[log(task, chunk.seq, chunk.text) for chunk in at_worker.logs]))

    kept = "".join(item.text for item in lab.store.read(logs_after, task.number, None))
    assert kept.startswith("0\n1\n2\n")
    assert kept.endswith("299999\nLAST WORDS\n")
    assert kept.count("are left out here]") == 1


def test_each_attempt_has_output_of_its_own(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    lab.beat(worker, held(task), logs=[log(task, 1, "first")])
    lab.fail(task, worker)
    lab.bulk_action("retry", task)
    lab.claim(worker, task)
    lab.beat(worker, held(task, attempt=2), logs=[log(task, 1, "second", attempt=2)])
    assert [item.text for item in lab.store.read(logs_after, task.number, None)] == ["second"]


def test_series_are_kept_as_they_are_now_with_a_version_and_end_with_their_attempt(lab: Lab) -> None:
    [task] = lab.submit(max_attempts=2)
    worker = lab.join()
    lab.claim(worker, task)
    before = lab.task(task).version
    lab.beat(worker, held(task, series='{"loss":1}'))
    lab.beat(worker, held(task, series='{"loss":2}'))
    assert series(lab, task) == '{"loss":2}'
    assert lab.task(task).version == before + 2
    # When: the attempt ends with all of them, and another one has told nothing yet.
    lab.fail(task, worker, series='{"loss":3}', timing='{"gc_s":0.5}')
    assert (series(lab, task), lab.task(task).timing) == ('{"loss":3}', None)
    lab.clock.advance(60)
    worker = lab.join("w2")
    lab.claim(worker, task)
    assert series(lab, task) is None
    # Then: of an attempt that is over, nothing is taken any more.
    lab.beat(worker, held(task, attempt=1, series='{"loss":4}'))
    assert series(lab, task) is None


def test_the_outcome_brings_the_series_and_where_the_time_went_until_the_task_is_deleted(lab: Lab) -> None:
    task, silent = lab.submit("1", "2")
    worker = lab.join()
    lab.claim(worker, task, silent)
    lab.record(
        lab.outcome(task, worker, series='{"a":1}', timing='{"gc_s":0.5}'),
        lab.outcome(silent, worker, series="x" * (MAX_SERIES_CHARACTERS + 1)),
    )
    assert (series(lab, task), lab.task(task).timing, lab.task(task).status) == ('{"a":1}', '{"gc_s":0.5}', "FINISHED")
    assert (series(lab, silent), lab.task(silent).status) == (None, "FINISHED")
    lab.bulk_action("delete", task)
    with lab.store.reader.begin() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(task_series)).scalar_one() == 0


def series(lab: Lab, task: Any) -> str | None:
    found: dict[int, str | None] = lab.store.read(series_of, [task.number])
    return found[task.number]
