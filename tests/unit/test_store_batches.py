"""Batches in the task database: points become tasks once each, whatever happens meanwhile."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from store_lab import Lab

from taskq_kernel.argument_conditions import ArgumentCondition, Comparison
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import Forbidden, InvalidTask, NotFound
from taskq_kernel.grid import write_design
from taskq_kernel.seeds import point_seed
from taskq_kernel.store import batch_figures, batches, bulk_actions, definitions, expansion, outcomes
from taskq_kernel.store.bulk_actions import Actor
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.pages import Window, read_page
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.submission import check_batch, check_definition
from taskq_kernel.store.tables import tasks

pytest_plugins = ["store_fixtures"]

ANN = Actor("ann")


def define(lab: Lab, code: str = "f(; n, k = 1) = n") -> str:
    """The id of a definition."""
    new = check_definition({"code": code, "name": "f"}, "input")
    return str(lab.store.write(definitions.register_definition, new, "ann").id)


def submit(lab: Lab, name: str = "b", actor: Actor = ANN, code: str = "f(; n) = n", **given: Any) -> batches.Submitted:
    """Submit a batch: with ``axes`` or ``columns``, and options."""
    kind = "columns" if "columns" in given else "axes"
    design = write_design(**{kind: given.pop(kind)})
    new = check_batch({"name": name, "definition": define(lab, code), "design": design, **given}, "input")
    return lab.store.write(batches.submit_batch, new, actor)


def make(lab: Lab, batch: Any, count: int = expansion.CHUNK) -> tuple[int, bool]:
    """Make the tasks of the next points."""
    return lab.store.write(expansion.make_next, batch.id, expansion.Grids(), count)


def points(lab: Lab, batch: Any) -> dict[int, Any]:
    """The tasks of a batch by their points."""
    with lab.store.reader.begin() as conn:
        rows = conn.execute(sa.select(tasks).where(tasks.c.batch == batch.id, tasks.c.point.isnot(None))).all()
    assert len({row.point for row in rows}) == len(rows)
    return {row.point: row for row in rows}


def figures(lab: Lab, batch: Any) -> batch_figures.Figures:
    row = lab.store.read(batches.get_batch, batch.id)
    return lab.store.read(batch_figures.read_figures, row, lab.clock.now)


def counts(lab: Lab, batch: Any) -> dict[str, int]:
    """How many points have each status that any has."""
    return {status: count for status, count in figures(lab, batch).counts.items() if count}


def test_points_become_tasks_some_at_a_time_and_the_total_is_known_at_once(lab: Lab) -> None:
    done = submit(lab, axes={"n": [1, 2, 3], "k": ["a", "b"]}, seed=7, priority=2)
    assert (done.added, done.again, done.batch.total) == (6, 0, 6)
    assert counts(lab, done.batch) == {"QUEUEING": 6}
    assert points(lab, done.batch) == {}
    assert make(lab, done.batch, 4) == (4, True)
    assert make(lab, done.batch, 4) == (2, False)
    assert make(lab, done.batch, 4) == (0, False)
    made = points(lab, done.batch)
    assert [json.loads(made[place].arguments) for place in range(6)] == [
        {"n": n, "k": k} for n in (1, 2, 3) for k in ("a", "b")
    ]
    assert made[3].name == 'f(n=2, k="b")'
    assert [made[place].seed for place in range(6)] == [point_seed(7, place) for place in range(6)]
    assert {row.priority for row in made.values()} == {2}
    assert len(lab.publish()) == 6


def test_what_is_killed_while_tasks_are_made_misses_and_doubles_nothing(lab: Lab) -> None:
    batch = submit(lab, axes={"n": list(range(9))}).batch
    make(lab, batch, 3)
    lab.store.write(expansion.make_points, batch.id, [7, 4, 4, 99], expansion.Grids())

    def killed(write: Any) -> None:
        expansion.make_next(write, batch.id, expansion.Grids(), 3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lab.store.write(killed)
    assert sorted(points(lab, batch)) == [0, 1, 2, 4, 7]
    assert counts(lab, batch) == {"QUEUEING": 9}
    while make(lab, batch, 2)[1]:
        pass
    assert sorted(points(lab, batch)) == list(range(9))
    assert len(lab.waiting()) == 9


def test_the_same_sweep_under_the_same_name_resumes(lab: Lab) -> None:
    batch = submit(lab, axes={"n": [1, 2, 3]}).batch
    make(lab, batch)
    worker, made = lab.join(), points(lab, batch)
    lab.claim(worker, made[0], made[1])
    lab.finish(made[0], worker)
    lab.fail(made[1], worker)
    again = submit(lab, axes={"n": [1, 2, 3, 4, 5]})
    assert (again.batch.id, again.added, again.again, again.batch.total) == (batch.id, 2, 1, 5)
    make(lab, batch)
    now = points(lab, batch)
    assert [now[place].status for place in range(5)] == ["FINISHED", *["QUEUEING"] * 4]
    assert [json.loads(now[place].arguments)["n"] for place in range(5)] == [1, 2, 3, 4, 5]
    assert now[0].number == made[0].number
    assert submit(lab, axes={"n": [5, 1]}).added == 0


def test_points_that_are_given_twice_are_there_twice(lab: Lab) -> None:
    assert submit(lab, columns={"n": [1, 1, 2]}).added == 3
    assert submit(lab, columns={"n": [2, 1, 1]}).added == 0
    assert submit(lab, columns={"n": [1, 1, 1, 2, 3]}).added == 2


def test_a_name_belongs_to_one_definition_and_one_seed(lab: Lab) -> None:
    batch = submit(lab, axes={"n": [1]}, seed=3).batch
    assert submit(lab, axes={"n": [1]}, seed=3).batch.seed == batch.seed == 3
    with pytest.raises(InvalidTask, match="has the seed 3"):
        submit(lab, axes={"n": [1]}, seed=4)
    with pytest.raises(InvalidTask, match="calls the definition"):
        submit(lab, axes={"n": [1]}, code="f(; n) = 2n")
    assert submit(lab, actor=Actor("bob"), axes={"n": [1]}).batch.id != batch.id


def test_a_point_whose_task_was_deleted_is_done_until_the_batch_is_resumed(lab: Lab) -> None:
    batch = submit(lab, axes={"n": [1, 2, 3]}).batch
    make(lab, batch)
    made = points(lab, batch)
    lab.bulk_action("delete", made[1])
    assert (counts(lab, batch), figures(lab, batch).done) == ({"QUEUEING": 2}, 1)
    lab.store.write(batches.resume_batch, batch.id, ANN)
    assert counts(lab, batch) == {"QUEUEING": 3}
    assert make(lab, batch) == (1, False)
    assert points(lab, batch)[1].number > made[2].number


def test_a_batch_that_has_the_id_of_a_deleted_one_has_its_own_points(lab: Lab) -> None:
    known, given = expansion.Grids(), {"id": str(uuid4())}
    for n in (1, 2):
        batch = submit(lab, axes={"n": [n]}, **given).batch
        lab.store.write(expansion.make_next, batch.id, known)
        assert points(lab, batch)[0].arguments == f'{{"n":{n}}}'
        lab.store.write(batches.delete_batch, batch.id, ANN)
        lab.clock.advance(1)


def test_a_list_without_points_counts_the_other_tasks(lab: Lab) -> None:
    batch = submit(lab, axes={"n": [1, 2, 3]}).batch
    make(lab, batch)
    first, _second = lab.submit("1", "2")
    lab.bulk_action("delete", points(lab, batch)[1])
    lab.submit("3", owner="bob")

    def counted(**conditions: Any) -> tuple[int | None, dict[str, int]]:
        asked = TaskFilter(is_point=False, **conditions), [], Window(first=1), frozenset({"totalCount", "counts"})
        page = lab.store.read(read_page, *asked)
        return page.total, {status: count for status, count in (page.counts or {}).items() if count}

    assert counted() == (3, {"QUEUEING": 3})
    assert counted(owner="ann") == counted(owner="ann", status=["QUEUEING"]) == (2, {"QUEUEING": 2})
    lab.bulk_action("cancel", first)
    assert counted(owner="ann", status=["CANCELLED"]) == (1, {"QUEUEING": 1, "CANCELLED": 1})
    lab.bulk_action("delete", first)
    assert counted(owner="ann") == (1, {"QUEUEING": 1})


def test_a_cancelled_batch_makes_no_more_tasks_until_it_is_resumed(lab: Lab) -> None:
    batch = submit(lab, axes={"n": list(range(5))}).batch
    make(lab, batch, 2)
    with pytest.raises(Forbidden):
        lab.store.write(batches.cancel_batch, batch.id, Actor("bob"))
    assert lab.store.write(batches.cancel_batch, batch.id, ANN) == 5
    assert (counts(lab, batch), figures(lab, batch).done) == ({"CANCELLED": 5}, 5)
    assert make(lab, batch) == (0, False)
    assert lab.store.read(expansion.unmade_batches) == []
    lab.store.write(expansion.make_points, batch.id, [4], expansion.Grids())
    assert points(lab, batch)[4].status == "CANCELLED"
    assert counts(lab, batch) == {"CANCELLED": 5}
    assert points(lab, batch)[4].number not in lab.waiting()
    assert lab.store.write(batches.resume_batch, batch.id, ANN) == 3
    assert make(lab, batch) == (2, False)
    assert counts(lab, batch) == {"QUEUEING": 5}


@pytest.mark.parametrize("status", [None, [TaskStatus.QUEUEING]])
def test_cancelling_tasks_by_a_filter_is_about_points_without_a_task_too(
    lab: Lab, status: list[TaskStatus] | None
) -> None:
    mine, others = submit(lab, axes={"n": [1, 2]}).batch, submit(lab, actor=Actor("bob"), axes={"n": [1]}).batch
    make(lab, mine, 1)

    def cancel(task_filter: TaskFilter) -> None:
        lab.store.write(bulk_actions.cancel_tasks, bulk_actions.Selection(filter=task_filter), ANN, frozenset())

    cancel(TaskFilter(status=[TaskStatus.RUNNING]))
    cancel(TaskFilter(batch=mine.id, name="nothing"))
    cancel(TaskFilter(batch=mine.id, arguments=[ArgumentCondition("n", Comparison.EQ, 2)]))
    assert counts(lab, mine) == {"QUEUEING": 2}
    cancel(TaskFilter(status=status))
    assert (counts(lab, mine), counts(lab, others)) == ({"CANCELLED": 2}, {"QUEUEING": 1})


def test_what_no_worker_could_parse_is_found_by_the_first_task_for_all(lab: Lab) -> None:
    batch = submit(lab, axes={"n": [1, 2, 3]}, code="f(; n) = (").batch
    make(lab, batch, 1)
    first, worker = points(lab, batch)[0], lab.join()
    lab.publish()
    lab.claim(worker, first)
    error = outcomes.Error("ParseError", "the code ends too early in line 1, column 11", "", 1)
    lab.fail(first, worker, error=error, retryable=False)
    make(lab, batch)
    assert counts(lab, batch) == {"FAILED": 3}
    assert lab.waiting() == []
    (group,) = lab.store.read(batch_figures.read_failures, batch.id)
    assert (group.name, group.line, group.count, group.example) == ("ParseError", 1, 3, first.number)
    assert lab.store.read(definitions.get_definition, define(lab, "f(; n) = (")).error_line == 1


def test_failures_are_grouped_by_their_cause(lab: Lab) -> None:
    batch = submit(lab, axes={"n": list(range(7))}).batch
    make(lab, batch)
    made, worker = points(lab, batch), lab.join()
    lab.claim(worker, *made.values())
    for place in range(6):
        name, line = (("DomainError", 3), ("DomainError", 9), ("BoundsError", None))[min(place // 2, 2) % 3]
        lab.fail(made[place], worker, error=outcomes.Error(name, f"at point {place}", "", line))
    lab.finish(made[6], worker)
    found = lab.store.read(batch_figures.read_failures, batch.id)
    assert [(one.name, one.line, one.count, one.point, one.message) for one in found] == [
        ("DomainError", 3, 2, 0, "at point 0"), ("DomainError", 9, 2, 2, "at point 2"),
        ("BoundsError", None, 2, 4, "at point 4"),
    ]


def test_the_time_left_follows_the_pace_of_what_ended_last(lab: Lab) -> None:
    batch = submit(lab, axes={"n": list(range(10))}).batch
    make(lab, batch)
    made, worker = points(lab, batch), lab.join()
    assert figures(lab, batch).seconds_left is None
    for place in range(4):
        lab.claim(worker, made[place])
        lab.clock.advance(2)
        lab.finish(made[place], worker)
    left = figures(lab, batch).seconds_left
    assert left is not None
    assert 6 <= left <= 12


def test_batches_are_found_by_name_and_listed_newest_first(lab: Lab) -> None:
    for name in ("ising 1", "ising 2", "other"):
        submit(lab, name, axes={"n": [1]})
        lab.clock.advance(1)
    theirs = submit(lab, "theirs", Actor("bob"), axes={"n": [1]}).batch
    assert [row.name for row in lab.store.read(batches.list_batches, 2, 0, "ISING").rows] == ["ising 2", "ising 1"]
    assert lab.store.read(batches.list_batches, 10, 0, None, "ann").total == 3
    assert lab.store.read(batches.find_batch, "theirs", "ann").id == theirs.id
    with pytest.raises(NotFound):
        lab.store.read(batches.find_batch, "theirs", "ann", Sight("ann"))
    with pytest.raises(NotFound, match="no batch is named 'nothing'"):
        lab.store.read(batches.find_batch, "nothing", "ann")


def test_a_deleted_batch_is_gone_with_its_tasks(lab: Lab) -> None:
    batch = submit(lab, axes={"n": [1, 2]}).batch
    make(lab, batch, 1)
    assert lab.store.write(batches.delete_batch, batch.id, ANN) == 2
    assert points(lab, batch) == {}
    with pytest.raises(NotFound):
        lab.store.read(batches.get_batch, batch.id)
    assert submit(lab, axes={"n": [1, 2]}).added == 2


def test_a_hundred_thousand_points_are_taken_in_less_than_two_seconds(lab: Lab) -> None:
    values = list(range(100_000))
    began = time.process_time()
    batch = submit(lab, columns={"n": values, "k": [value / 7 for value in values]}).batch
    assert time.process_time() - began < 2
    made, more = make(lab, batch, 100)
    assert (made, more, batch.total) == (100, True, 100_000)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"columns": {"n": [1, 2], "k": [1]}}, "differ in length"), ({"columns": {"end": [1]}}, "keyword"),
        ({"axes": {"2": [1]}}, "without a gap"),
        ({"axes": {"n": list(range(1001)), "k": list(range(1000))}}, "1,001,000"),
        ({"axes": {"n": [1]}, "seed": -1}, "seed"), ({"axes": {"n": [1]}, "name": " "}, "name"),
        ({"axes": {"n": [1]}, "queue": "a b"}, "queue"), ({"axes": {"n": [1]}, "id": "x"}, "UUID"),
    ],
)  # fmt: skip
def test_what_can_be_no_batch_is_refused_with_the_reason(lab: Lab, given: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidTask, match=problem):
        submit(lab, **given)
    with pytest.raises(InvalidTask, match="no design"):
        check_batch({"name": "b", "definition": "d", "design": "[1]"}, "input")
    with pytest.raises(InvalidTask, match="neither columns nor axes"):
        check_batch({"name": "b", "definition": "d", "design": "{}"}, "input")
    new = check_batch({"name": "b", "definition": str(uuid4()), "design": '{"axes":{"n":[1]}}'}, "input")
    with pytest.raises(NotFound, match="register it first"):
        lab.store.write(batches.submit_batch, new, ANN)
