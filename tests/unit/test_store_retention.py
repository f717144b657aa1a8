"""Retention: what is done and old goes, whatever is not done or needed stays, and the disk gets its space back."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from store_lab import Lab

from taskq_kernel.domain import FINAL, TaskStatus, Verdict
from taskq_kernel.errors import NotFound
from taskq_kernel.grid import write_design
from taskq_kernel.store import batches, claims, definitions, expansion, retention
from taskq_kernel.store.bulk_actions import Actor
from taskq_kernel.store.counts import read_counts
from taskq_kernel.store.retention import Rule
from taskq_kernel.store.submission import check_batch, check_definition
from taskq_kernel.store.tables import dependencies, sources, task_events, task_logs, task_series, tasks

pytest_plugins = ["store_fixtures"]

DAY = 86_400.0
ANN = Actor("ann")


def rule(lab: Lab, keep_s: float = 10 * DAY, **given: Any) -> Rule:
    """What ended so long ago."""
    return Rule(lab.clock.now - keep_s, **given)


def prune(lab: Lab, the: Rule) -> int:
    """Prune all there is; how many tasks went."""
    while not the.keep_results and (found := lab.store.read(retention.old_batches, the)):
        assert lab.store.write(retention.remove_batches, the, found) == len(found)
    count, after = 0, None
    while True:
        step = lab.store.read(retention.old_tasks, the, after)
        operation = retention.trim_tasks if the.keep_results else retention.remove_tasks
        count += len(lab.store.write(operation, the, step).numbers)
        after = step.after
        if after is None:
            break
    lab.store.write(retention.remove_tombstones, lab.store.read(retention.old_tombstones, the))
    return count


def would_go(lab: Lab, the: Rule) -> retention.Step:
    """What a trial says."""
    gone = lab.store.read(retention.old_batches, the, None)
    return lab.store.read(retention.measured, the, lab.store.read(retention.old_tasks, the, None, gone))


def run(lab: Lab, *made: Any, fails: bool = False, **given: Any) -> None:
    """Have tasks run, with a log line each."""
    worker = lab.join()
    lab.claim(worker, *made)
    for task in made:
        log = claims.Log(id=task.id, attempt=1, seq=1, stream="stdout", text="printed")
        ended = {"status": TaskStatus.FAILED} if fails else {}
        lab.record(lab.outcome(task, worker, logs=[log], series='{"loss": 1}', **ended, **given))


def rows(lab: Lab) -> dict[str, int]:
    """How many rows each table has that stands around tasks."""
    with lab.store.reader.begin() as conn:
        return {
            table.name: conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (tasks, task_events, task_logs, task_series, sources, dependencies)
        }


def sweep(lab: Lab, count: int = 3, name: str = "b") -> Any:
    """A batch whose tasks are made."""
    given = {"code": "f(; n) = n", "name": "f"}
    definition = lab.store.write(definitions.register_definition, check_definition(given, "input"), "ann")
    design = write_design(axes={"n": list(range(count))})
    new = check_batch({"name": name, "definition": definition.id, "design": design}, "input")
    batch = lab.store.write(batches.submit_batch, new, ANN).batch
    lab.store.write(expansion.make_next, batch.id, expansion.Grids(), 500)
    return batch


def points(lab: Lab, batch: Any) -> list[Any]:
    with lab.store.reader.begin() as conn:
        its = sa.and_(tasks.c.batch == batch.id, tasks.c.point.isnot(None))
        return list(conn.execute(sa.select(tasks).where(its).order_by(tasks.c.point)))


def test_what_is_done_and_old_goes_with_all_that_hangs_on_it(lab: Lab) -> None:
    old = [*lab.submit("old()"), *lab.submit("old()", owner="bob")]
    run(lab, *old)
    lab.clock.advance(11 * DAY)
    recent, waiting = lab.submit("recent()", "waiting()")
    run(lab, recent)
    before = lab.store.read(lambda conn: conn.execute(sa.select(tasks.c.version)).all())
    step = would_go(lab, rule(lab))
    assert (sorted(step.numbers), step.kept) == ([one.number for one in old], 0)
    assert 2 * 400 < step.size_bytes < 3000
    assert prune(lab, rule(lab)) == 2
    assert rows(lab) == {
        "tasks": 2, "task_events": 4, "task_logs": 1, "task_series": 1, "sources": 2, "dependencies": 0,
    }
    assert read_counts_of(lab) == {"FINISHED": 1, "QUEUEING": 1}
    assert (lab.task(recent).status, lab.task(waiting).status) == ("FINISHED", "QUEUEING")
    with pytest.raises(NotFound, match=f"no task has the id {old[0].id}.*deleted or pruned"):
        lab.task(old[0])
    assert len(before) == 4
    assert prune(lab, rule(lab)) == 0


def read_counts_of(lab: Lab) -> dict[str, int]:
    return {status: count for status, count in lab.store.read(read_counts).items() if count}


def test_what_is_not_done_stays_however_old(lab: Lab) -> None:
    queueing, running = lab.submit("a()", "b()")
    worker = lab.join()
    lab.claim(worker, running)
    lab.clock.advance(1000 * DAY)
    assert would_go(lab, rule(lab)).numbers == ()
    assert prune(lab, rule(lab)) == 0
    # What a step was looked up for may have changed meanwhile: it is looked at again.
    stale = retention.Step(numbers=(queueing.number, running.number))
    assert lab.store.write(retention.remove_tasks, rule(lab), stale).numbers == ()
    assert lab.store.write(retention.trim_tasks, rule(lab), stale).numbers == ()
    assert lab.finish(running, worker) is Verdict.ACCEPTED


def test_only_what_ended_as_it_was_asked_for_goes(lab: Lab) -> None:
    good, bad, cancelled = lab.submit("a()", "b()", "c()")
    run(lab, good)
    run(lab, bad, fails=True)
    lab.bulk_action("cancel", cancelled)
    lab.clock.advance(11 * DAY)
    assert prune(lab, rule(lab, statuses=frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED}))) == 2
    assert lab.task(good).status == "FINISHED"


def test_results_that_are_kept_lose_logs_and_history_alone(lab: Lab) -> None:
    good, bad = lab.submit("good()", arguments={"n": 3}), lab.submit("bad()")
    run(lab, *good)
    run(lab, *bad, fails=True)
    lab.clock.advance(11 * DAY)
    was = lab.task(good[0])
    trimming = rule(lab, keep_results=True)
    step = would_go(lab, trimming)
    assert len(step.numbers) == 2
    assert prune(lab, trimming) == 2
    assert rows(lab) == {
        "tasks": 2, "task_events": 0, "task_logs": 0, "task_series": 0, "sources": 2, "dependencies": 0,
    }
    assert lab.task(good[0]) == was
    assert (was.value_json, was.arguments, was.code) == ("2", '{"n":3}', "good()")
    assert lab.history(good[0]) == []
    assert read_counts_of(lab) == {"FINISHED": 1, "FAILED": 1}
    assert prune(lab, trimming) == 0, "each is trimmed once"


def test_a_trimmed_task_can_be_retried_and_is_trimmed_again(lab: Lab) -> None:
    [task] = lab.submit()
    run(lab, task, fails=True)
    lab.clock.advance(11 * DAY)
    assert prune(lab, rule(lab, keep_results=True)) == 1
    lab.bulk_action("retry", task)
    worker = lab.join("w2")
    lab.claim(worker, task)
    assert lab.finish(task, worker, attempt=2) is Verdict.ACCEPTED
    assert len(lab.history(task)) == 3
    assert prune(lab, rule(lab, keep_results=True)) == 0
    lab.clock.advance(11 * DAY)
    assert prune(lab, rule(lab, keep_results=True)) == 1


def test_an_outcome_that_is_told_again_after_its_task_was_trimmed_is_known(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    outcome = lab.outcome(task, worker)
    lab.record(outcome)
    lab.clock.advance(11 * DAY)
    prune(lab, rule(lab, keep_results=True))
    assert lab.record(outcome) == [Verdict.REPEATED]


def test_what_another_task_may_still_want_stays(lab: Lab) -> None:
    first, unlucky = lab.submit("1"), lab.submit("error()")
    run(lab, *first)
    run(lab, *unlucky, fails=True)
    lab.clock.advance(11 * DAY)
    # One that failed now because of the second; the value of the first is still to be passed, in a retry.
    [second] = lab.submit("x", arguments={"x": {"$task": first[0].id}}, after=[unlucky[0].id])
    assert lab.task(second).status == "FAILED"
    step = would_go(lab, rule(lab))
    assert (step.numbers, step.kept) == ((), 2)
    assert prune(lab, rule(lab)) == 0
    lab.bulk_action("retry", unlucky[0])
    worker = lab.join("w2")
    lab.claim(worker, unlucky[0])
    lab.finish(unlucky[0], worker, attempt=2)
    assert json.loads(lab.task(second).arguments) == {"x": 2}


def test_chains_of_tasks_go_together_and_at_once(lab: Lab) -> None:
    [first] = lab.submit("1")
    made = [first]
    for _ in range(3):
        made += lab.submit("2", after=[made[-1].id])
    run(lab, first, fails=True)
    [done] = lab.submit("3")
    run(lab, done)
    [finished] = lab.submit("4", after=[done.id])
    run(lab, finished)
    lab.clock.advance(11 * DAY)
    step = would_go(lab, rule(lab))
    assert (len(step.numbers), step.kept) == (6, 0)
    assert prune(lab, rule(lab)) == 6
    assert rows(lab)["dependencies"] == rows(lab)["tasks"] == 0


def test_what_finished_needs_nothing_any_longer(lab: Lab) -> None:
    [first] = lab.submit("1")
    run(lab, first)
    lab.clock.advance(11 * DAY)
    [second] = lab.submit("2", after=[first.id])
    assert prune(lab, rule(lab)) == 0, "it waits for a worker, and may fail and be retried"
    run(lab, second)
    assert prune(lab, rule(lab)) == 1
    assert lab.task(second).status == "FINISHED"


def test_marks_of_deleted_tasks_go_when_they_are_old(lab: Lab) -> None:
    gone, needed = lab.submit("1", "2")
    [second] = lab.submit("3", after=[needed.id])
    lab.bulk_action("delete", gone, needed)
    assert prune(lab, rule(lab)) == 0
    assert rows(lab)["tasks"] == 3
    lab.clock.advance(11 * DAY)
    assert len(lab.store.read(retention.old_tombstones, rule(lab)).numbers) == 2
    lab.store.write(retention.remove_tombstones, lab.store.read(retention.old_tombstones, rule(lab)))
    assert rows(lab)["tasks"] == 2, "the mark of one that another needs says so when that one is retried"
    lab.bulk_action("retry", second)
    assert lab.task(second).error_message == f"task {needed.number}, which it needs, was deleted"


def test_a_batch_goes_as_a_whole_once_all_of_it_is_done_and_old(lab: Lab) -> None:
    batch = sweep(lab)
    made = points(lab, batch)
    run(lab, *made[:2])
    lab.clock.advance(11 * DAY)
    step = would_go(lab, rule(lab))
    assert (step.numbers, step.kept) == ((), 2)
    assert prune(lab, rule(lab)) == 0
    # A point that has been pruned would be made anew: the same sweep resumes, and makes none.
    sweep(lab)
    assert [one.number for one in points(lab, batch)] == [one.number for one in made]
    run(lab, made[2])
    assert prune(lab, rule(lab)) == 0, "its last point is not old"
    lab.clock.advance(11 * DAY)
    assert len(would_go(lab, rule(lab)).numbers) == 3
    assert prune(lab, rule(lab)) == 3
    with pytest.raises(NotFound, match="deleted or pruned"):
        lab.store.read(batches.find_batch, "b", "ann")
    assert points(lab, batch) == []


def test_a_batch_that_goes_leaves_no_holes_to_be_filled_however_far_pruning_came(lab: Lab) -> None:
    batch = sweep(lab)
    made = points(lab, batch)
    run(lab, *made)
    lab.clock.advance(11 * DAY)
    assert lab.store.write(retention.remove_batches, rule(lab), [batch.id]) == 1
    # Killed here: what is left are tasks like others.
    assert lab.store.read(expansion.unmade_batches) == []
    assert lab.store.write(expansion.make_points, batch.id, [0, 1], expansion.Grids()) == 0
    assert len(points(lab, batch)) == 3
    assert prune(lab, rule(lab)) == 3


def test_points_of_a_batch_are_not_picked_by_their_status(lab: Lab) -> None:
    batch = sweep(lab)
    made = points(lab, batch)
    run(lab, *made[:2])
    run(lab, made[2], fails=True)
    lab.clock.advance(11 * DAY)
    assert prune(lab, rule(lab, statuses=frozenset({TaskStatus.FAILED}))) == 0
    assert prune(lab, rule(lab, statuses=FINAL, keep_results=True)) == 3
    assert lab.store.read(batches.find_batch, "b", "ann").total == 3
    assert prune(lab, rule(lab)) == 3


def test_a_cancelled_batch_goes_with_the_points_that_were_never_made(lab: Lab) -> None:
    batch = sweep(lab)
    lab.store.write(batches.cancel_batch, batch.id, ANN)
    lab.clock.advance(11 * DAY)
    assert prune(lab, rule(lab)) == 3
    assert lab.store.read(retention.old_batches, rule(lab)) == []


def test_a_batch_of_which_a_task_needs_a_point_stays(lab: Lab) -> None:
    batch = sweep(lab)
    made = points(lab, batch)
    run(lab, *made)
    lab.clock.advance(11 * DAY)
    [needing] = lab.submit("x", after=[made[1].id])
    assert prune(lab, rule(lab)) == 0
    assert lab.store.read(batches.find_batch, "b", "ann").id == batch.id
    run(lab, needing)
    assert prune(lab, rule(lab)) == 3


def test_a_walk_takes_every_task_once_however_many_end_together(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 3)
    made = lab.submit(*["1"] * 10)
    lab.bulk_action("cancel", *made)
    lab.clock.advance(11 * DAY)
    seen: list[int] = []
    after = None
    while True:
        step = lab.store.read(retention.old_tasks, rule(lab), after)
        seen += step.numbers
        after = step.after
        if after is None:
            break
    assert seen == sorted((one.number for one in made), reverse=True)
    assert prune(lab, rule(lab, keep_results=True)) == 10
    assert prune(lab, rule(lab)) == 10


def test_whoever_follows_the_feed_sees_that_tasks_are_gone(lab: Lab) -> None:
    [task] = lab.submit()
    lab.bulk_action("cancel", task)
    lab.clock.advance(11 * DAY)
    told: list[bool] = []
    lab.store.on_commit.append(lambda write: told.append(write.changed))
    prune(lab, rule(lab))
    assert any(told)


def test_a_late_outcome_of_a_trimmed_task_that_was_retried_is_refused(lab: Lab) -> None:
    task = lab.submit()[0]
    run(lab, task, fails=True)
    lab.clock.advance(11 * DAY)
    assert prune(lab, rule(lab, keep_results=True)) == 1
    lab.bulk_action("retry", task)
    worker = lab.join("w2")
    lab.claim(worker, task)
    late = lab.outcome(task, worker, attempt=2)
    lab.clock.advance(60)
    lab.reap()
    assert lab.task(task).status == "QUEUEING"
    assert lab.record(late) == [Verdict.REFUSED]


def test_only_batches_that_were_found_and_still_go_are_removed(lab: Lab) -> None:
    one, other = sweep(lab), sweep(lab, name="other")
    run(lab, *points(lab, one), *points(lab, other)[1:])
    run(lab, points(lab, other)[0], fails=True)
    lab.clock.advance(11 * DAY)
    found = lab.store.read(retention.old_batches, rule(lab))
    assert set(found) == {one.id, other.id}
    lab.bulk_action("retry", points(lab, other)[0])
    assert lab.store.write(retention.remove_batches, rule(lab), [other.id]) == 0
    assert lab.store.write(retention.remove_batches, rule(lab), [one.id]) == 1
