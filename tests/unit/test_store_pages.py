"""Pages of tasks: filters, orderings, cursors."""

from __future__ import annotations

import itertools
import random
from typing import Any
from uuid import uuid4

import pytest
from store_lab import EVERYTHING, Lab

from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.pages import ORDER_COLUMNS, Order, Page, read_page
from taskq_kernel.store.window import MAX_OFFSET, MAX_PAGE, Window

pytest_plugins = ["store_fixtures"]


def page(lab: Lab, *orders: Order, task_filter: TaskFilter | None = None, **window: Any) -> Page:
    return lab.store.read(read_page, task_filter or TaskFilter(), orders, Window(**window), EVERYTHING)


def numbers(found: Page) -> list[int]:
    return [row.number for row in found.rows]


@pytest.fixture
def mixed(lab: Lab) -> Lab:
    """Thirteen tasks in every status, with equal and missing values in every column."""
    lab.clock.advance(1)
    worker = lab.join("w1")
    tasks = []
    for index in range(13):
        lab.clock.advance(index % 2)
        tasks += lab.submit(
            "x", name="bca"[index % 3], priority=index % 3, queue="pq"[index % 2],
            owner=("ann", "bob")[index % 2],
        )
    lab.claim(worker, *tasks[:9])
    for index, task in enumerate(tasks[:6]):
        lab.clock.advance(index % 3)
        lab.record(lab.outcome(task, worker, seconds=float(index % 2)))
    lab.bulk_action("cancel", tasks[12], admin=True)
    return lab


def test_pages_of_any_ordering_put_together_are_the_whole(mixed: Lab) -> None:
    for field, descending, size in itertools.product(ORDER_COLUMNS, (False, True), (4,)):
        order = Order(field, descending)
        whole = numbers(page(mixed, order))
        assert len(set(whole)) == 13
        forwards: list[int] = []
        cursor = None
        while True:
            part = page(mixed, order, first=size, after=cursor)
            forwards += numbers(part)
            assert part.has_previous is (cursor is not None)
            if not part.has_next:
                break
            cursor = part.cursor(part.rows[-1])
        assert forwards == whole, (order, size)
        backwards: list[int] = []
        cursor = None
        while True:
            part = page(mixed, order, last=size, before=cursor)
            backwards = numbers(part) + backwards
            if not part.has_previous:
                break
            cursor = part.cursor(part.rows[0])
        assert backwards == whole, (order, size)


def test_tasks_without_a_value_come_last_whatever_the_direction(mixed: Lab) -> None:
    for descending in (False, True):
        rows = page(mixed, Order("SECONDS", descending)).rows
        values = [row.seconds for row in rows]
        assert values[:6] == sorted(values[:6], reverse=descending)
        assert values[6:] == [None] * 7


def test_orderings_can_be_mixed(mixed: Lab) -> None:
    orders = (Order("NAME", True), Order("FINISHED_AT"), Order("PRIORITY", True))
    whole = page(mixed, *orders)
    keys = [(row.name, row.finished_at is None, row.finished_at or 0, -row.priority) for row in whole.rows]
    assert [key[0] for key in keys] == sorted((key[0] for key in keys), reverse=True)
    for _name, group in itertools.groupby(keys, key=lambda key: key[0]):
        rest = [key[1:] for key in group]
        assert rest == sorted(rest)
    parts: list[int] = []
    cursor = None
    while len(parts) < 13:
        part = page(mixed, *orders, first=2, after=cursor)
        parts += numbers(part)
        cursor = part.cursor(part.rows[-1])
    assert parts == numbers(whole)


def test_a_cursor_stays_in_its_place_while_tasks_come_and_go(lab: Lab) -> None:
    tasks = lab.submit(*"123456")
    newest = Order("NUMBER", descending=True)
    first = page(lab, newest, first=2)
    lab.submit("7")
    lab.bulk_action("delete", tasks[4], tasks[3])
    second = page(lab, newest, first=2, after=first.cursor(first.rows[-1]))
    assert (numbers(first), numbers(second)) == ([6, 5], [3, 2])


@pytest.mark.parametrize(
    "cursor", ["", "x", "????", "e30", "W10", "WzEsMl0", "bnVsbA", "WyJOVU1CRVIiLCJ4Il0", "WyJOVU1CRVIiLG51bGxd"]
)
def test_what_is_no_cursor_is_refused(lab: Lab, cursor: str) -> None:
    lab.submit()
    with pytest.raises(InvalidTask, match="give a cursor of the same list"):
        page(lab, after=cursor)
    with pytest.raises(InvalidTask, match="before is"):
        page(lab, before=cursor, last=1)


def test_the_cursor_of_another_ordering_is_refused(mixed: Lab) -> None:
    by_name = page(mixed, Order("NAME"), first=1)
    with pytest.raises(InvalidTask, match="in the same order"):
        page(mixed, Order("NAME", True), after=by_name.cursor(by_name.rows[0]))


@pytest.mark.parametrize(
    ("window", "problem"),
    [
        ({"first": -1}, "first is -1"), ({"first": MAX_PAGE + 1}, "first is 1001"),
        ({"last": -1}, "last is -1"), ({"first": 1, "last": 1}, "give one of them"),
    ],
)
def test_a_window_that_cannot_be_is_refused(lab: Lab, window: dict[str, int], problem: str) -> None:
    with pytest.raises(InvalidTask, match=problem):
        page(lab, **window)


def test_a_page_has_fifty_tasks_unless_asked_otherwise_and_may_have_none(lab: Lab) -> None:
    lab.submit(*["1"] * 51)
    assert len(page(lab).rows) == 50
    assert page(lab).has_next
    nothing = page(lab, first=0)
    assert (nothing.rows, nothing.has_next, nothing.total) == ([], True, 51)


def test_filters_find_what_they_describe(mixed: Lab) -> None:
    everything = page(mixed).rows

    def found(**given: Any) -> set[int]:
        return set(numbers(page(mixed, task_filter=TaskFilter(**given))))

    def having(condition: Any) -> set[int]:
        return {row.number for row in everything if condition(row)}

    middle = everything[6].created_at
    assert found(status=[TaskStatus.RUNNING]) == having(lambda row: row.status == "RUNNING")
    assert found(status=[TaskStatus.FINISHED, TaskStatus.CANCELLED]) == having(
        lambda row: row.status in {"FINISHED", "CANCELLED"}
    )
    assert found(status=[]) == set()
    assert found(name="A") == having(lambda row: row.name == "a")
    assert found(owner="bob", queue="q") == having(lambda row: row.owner == "bob" and row.queue == "q")
    assert found(worker="w1") == having(lambda row: row.worker == "w1")
    assert found(created_after=middle) == having(lambda row: row.created_at >= middle)
    assert found(created_before=middle) == having(lambda row: row.created_at < middle)
    ended = everything[3].finished_at
    assert found(finished_after=ended) == having(lambda row: row.finished_at and row.finished_at >= ended)
    assert found(finished_before=ended) == having(lambda row: row.finished_at and row.finished_at < ended)
    assert found(ids=["1", everything[4].id, "99", "nonsense", str(uuid4())]) == {1, everything[4].number}
    assert found(ids=[]) == set()
    assert found(owner="a\0b") == found(worker="\0") == found(queue="\0") == set()


@pytest.mark.parametrize(
    ("needle", "hits"),
    [
        ("PI", {1}), ("pi est", {1}), ("étude", {2}), ("ÉTUDE", {2}), ("%", {3}), ("_", {3}), ("\\", {3}),
        ("monte", {1}), ("rand(", {1}), ("nothing like it", set()), ("straße", {2}), ("\0", {1, 2, 3}),
    ],
)
def test_search_looks_in_name_and_code_whatever_the_case(lab: Lab, needle: str, hits: set[int]) -> None:
    lab.submit("# Monte Carlo\nrand()", name="Pi estimate")
    lab.submit("'Straße'", name="Étude")
    lab.submit("1", name="50%_\\")
    found = page(lab, task_filter=TaskFilter(search=needle))
    assert set(numbers(found)) == hits
    assert found.total == len(hits)


def test_a_batch_is_found(lab: Lab) -> None:
    batch = str(uuid4())
    lab.submit("1", "2", batch=batch)
    lab.submit("3", batch=str(uuid4()))
    assert numbers(page(lab, task_filter=TaskFilter(batch=batch))) == [1, 2]


def test_random_orderings_of_random_tasks_page_completely(lab: Lab) -> None:
    chance = random.Random(7)
    tasks = lab.submit(*["x"] * 40)
    worker = lab.join()
    for task in chance.sample(tasks, 25):
        lab.clock.advance(chance.choice([0, 0, 1]))
        lab.claim(worker, task)
        if chance.random() < 0.7:
            lab.record(lab.outcome(task, worker, seconds=chance.choice([0.0, 1.0, 2.0])))
    for _ in range(12):
        fields = chance.sample(sorted(ORDER_COLUMNS), chance.randint(1, 3))
        orders = [Order(field, chance.random() < 0.5) for field in fields]
        whole = numbers(page(lab, *orders))
        parts: list[int] = []
        cursor, size = None, chance.randint(1, 9)
        while True:
            part = page(lab, *orders, first=size, after=cursor)
            parts += numbers(part)
            if not part.has_next:
                break
            cursor = part.cursor(part.rows[-1])
        assert parts == whole, orders


def test_the_tasks_of_each_status_are_counted_by_the_other_conditions(mixed: Lab) -> None:
    for others in ({}, {"owner": "ann"}, {"queue": "q"}, {"name": "b"}):
        for status in (None, [TaskStatus.FINISHED]):
            found = mixed.store.read(
                read_page, TaskFilter(**others, status=status), (), Window(first=0), frozenset({"counts", "totalCount"})
            )
            each = {
                str(one): len(page(mixed, task_filter=TaskFilter(**others, status=[one])).rows) for one in TaskStatus
            }
            assert found.counts == each
            assert found.total == (sum(each.values()) if status is None else each["FINISHED"])
            assert found.rows == []


def test_an_offset_skips_from_the_start_or_with_last_from_the_end(mixed: Lab) -> None:
    for field, descending in itertools.product(ORDER_COLUMNS, (False, True)):
        order = Order(field, descending)
        whole = numbers(page(mixed, order))
        for offset in range(15):
            forwards, backwards = page(mixed, order, first=4, offset=offset), page(mixed, order, last=4, offset=offset)
            assert numbers(forwards) == whole[offset : offset + 4], (order, offset)
            assert numbers(backwards) == whole[max(0, 9 - offset) : max(0, 13 - offset)], (order, offset)
            assert (forwards.has_previous, forwards.has_next) == (offset > 0, offset < 9)
            assert (backwards.has_previous, backwards.has_next) == (offset < 9, offset > 0)


def test_an_offset_counts_from_a_cursor(mixed: Lab) -> None:
    whole = page(mixed, Order("NUMBER"))
    after = whole.cursor(whole.rows[2])
    assert numbers(page(mixed, Order("NUMBER"), first=2, after=after, offset=3)) == numbers(whole)[6:8]


@pytest.mark.parametrize("offset", [-1, MAX_OFFSET + 1])
def test_an_offset_out_of_bounds_is_refused(mixed: Lab, offset: int) -> None:
    with pytest.raises(InvalidTask, match=f"offset is {offset}"):
        page(mixed, offset=offset)


@pytest.mark.parametrize("text", ["2", "#2"])
def test_search_finds_a_task_by_its_number(lab: Lab, text: str) -> None:
    tasks = lab.submit("x", "y", "z", name="none")
    assert numbers(page(lab, task_filter=TaskFilter(search=text))) == [tasks[1].number]
