"""Tasks are found by their arguments, with the same meaning in SQLite, in PostgreSQL and for a task in hand."""

from __future__ import annotations

import itertools
import re
from decimal import Decimal
from typing import Any

import pytest
from store_lab import EVERYTHING, Lab
from store_plans import executed, plan
from store_seed import seed

from taskq_kernel import exact_json
from taskq_kernel.argument_conditions import MAX_CONDITIONS, ArgumentCondition, Comparison, text_of
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask
from taskq_kernel.store import argument_order, bulk_actions, cursors
from taskq_kernel.store.argument_order import ArgumentOrder
from taskq_kernel.store.feed import read_changes
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.pages import Order, Page, read_page
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.window import Window

pytest_plugins = ["store_fixtures"]

INF, MINUS_INF, NAN = ({"$float": name} for name in ("Infinity", "-Infinity", "NaN"))

#: Arguments in all their forms, numbers that floats cannot tell apart among them.
VALUES: list[Any] = [
    0, -0.0, 1, 200, 200.0, 200.5, 2000, -200, 0.1, 0.30000000000000004, 0.3, 1e-7, 5e-324, 1e16, 10**16, 1e23, 10**23,
    2**53, 2**53 + 1, 2**60, 2.0**60, 2**60 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 2**64 + 1, 1e300,
    10**400, -(10**400), 10**400 + 1, Decimal("0.12345678901234567890"), INF, MINUS_INF, NAN,
    "200", "", "a", "a b", "ab", "A", "é", "日本", "a\0b", "a\ufffdc", 'quote " and \\', "%_",
    True, False, None, [], [200], [200.0], {}, {"n": 200}, {"$rational": [1, 3]}, {"$symbol": "euler"},
    "2026-01-02", {"$date": "2026-01-02"}, {"$date": "2026-01-10"}, {"$datetime": "2026-01-02T03:04:05.006"},
    {"$time": "03:04:05"}, {"$date": ""}, {"$date": 'x","y":"z'}, {"$date": 2026}, {"$date": "2026-01-02", "n": "-"},
    {"$missing": True},
]


def condition(name: str, comparison: str, value: Any) -> ArgumentCondition:
    return ArgumentCondition(name, Comparison(comparison), value)


def found(lab: Lab, *conditions: ArgumentCondition, **others: Any) -> list[int]:
    task_filter = TaskFilter(arguments=conditions, **others)
    page = lab.store.read(read_page, task_filter, (), Window(first=1000), EVERYTHING)
    assert page.total == len(page.rows)
    return [row.number for row in page.rows]


def submit(lab: Lab, *arguments: dict[str, Any]) -> list[Any]:
    return [lab.submit(arguments=one)[0] for one in arguments]


def test_every_comparison_with_every_value_means_the_same_everywhere(lab: Lab) -> None:
    tasks = submit(lab, *({"other": 200, "n": value} for value in VALUES), {"other": {"n": 200}})
    arguments = {task.number: exact_json.decode(task.arguments) for task in tasks}
    for comparison, value in itertools.product(Comparison, VALUES):
        asked = condition("n", comparison, value)
        if comparison not in ("EQ", "NE") and asked.number is None and text_of(value) is None:
            continue
        expected = [number for number, given in arguments.items() if asked.holds(given)]
        assert found(lab, asked) == expected, asked


#: In the order in which they are sorted.
ORDERED: list[Any] = [
    MINUS_INF, -(10**400), -5.5, 0, 0.0, 1, 1.5, 2, 10, 2**60, 2**60 + 1, 2**64, 2**64 + 1, 1e300, 10**400, 10**400 + 1,
    INF, "", "10", {"$date": "2026-01-02"}, "2026-01-03", {"$datetime": "2026-01-10T00:00:00"}, "9", "A", "B", "a",
    "a b", "ab", "é", [1], [2], False, None, True, NAN, {"$rational": [1, 3]},
]


def page(lab: Lab, order: ArgumentOrder, **window: Any) -> Page:
    found: Page = lab.store.read(read_page, TaskFilter(), [order], Window(**window), EVERYTHING)
    return found


def test_tasks_are_sorted_by_an_argument_numbers_first_then_texts_and_those_without_it_last(lab: Lab) -> None:
    shuffled = [*ORDERED[1::2], *ORDERED[::2]]
    submit(lab, {}, *({"n": value} for value in shuffled), {"m": 1})
    for descending in (False, True):
        rows = page(lab, ArgumentOrder("n", descending), first=1000).rows
        sorted_values = [exact_json.decode(row.arguments or "").get("n", "missing") for row in rows]
        numbers, texts, rest = sorted_values[:17], sorted_values[17:29], sorted_values[29:-2]
        turned = -1 if descending else 1
        assert numbers == ORDERED[:17][::turned]
        assert texts == ORDERED[17:29][::turned]
        assert sorted(map(repr, rest)) == sorted(map(repr, ORDERED[29:]))
        assert sorted_values[-2:] == ["missing", "missing"]
        assert [row.number for row in rows][-2:] == [1, len(ORDERED) + 2][::turned]


def test_pages_in_the_order_of_an_argument_put_together_are_the_whole(lab: Lab) -> None:
    submit(lab, {}, *({"n": value} for value in ORDERED), *({"n": value} for value in ORDERED[:4]), {"m": 1})
    for descending in (False, True):
        order = ArgumentOrder("n", descending)
        whole = [row.number for row in page(lab, order, first=1000).rows]
        forwards: list[int] = []
        backwards: list[int] = []
        after = before = None
        while True:
            part = page(lab, order, first=4, after=after)
            forwards += [row.number for row in part.rows]
            assert part.has_previous is (after is not None)
            if not part.has_next:
                break
            after = part.cursor(part.rows[-1])
        while True:
            part = page(lab, order, last=4, before=before)
            backwards = [row.number for row in part.rows] + backwards
            if not part.has_previous:
                break
            before = part.cursor(part.rows[0])
        assert forwards == backwards == whole
        assert [row.number for row in page(lab, order, first=5, offset=7).rows] == whole[7:12]
        assert [row.number for row in page(lab, order, last=5, offset=7).rows] == whole[-12:-7]


def test_sorting_by_an_argument_is_refused_where_too_many_tasks_match_and_says_what_to_do(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(argument_order, "MOST_SORTED", 3)
    submit(lab, *({"n": value} for value in range(4)))
    with pytest.raises(InvalidTask, match="more than 3 tasks match.* by the argument n: filter them first") as refused:
        page(lab, ArgumentOrder("n"))
    assert refused.value.field == "orderBy"
    few = TaskFilter(arguments=[condition("n", "GT", 0)])
    found = lab.store.read(read_page, few, [ArgumentOrder("n", True)], Window(), EVERYTHING)
    assert ([row.number for row in found.rows], found.total) == ([4, 3, 2], 3)


def test_an_argument_is_the_only_term_of_an_order_and_its_cursors_are_its_own(lab: Lab) -> None:
    submit(lab, {"n": 1}, {"n": 2})
    by_n = ArgumentOrder("n")
    first = page(lab, by_n, first=1)
    cursor = first.cursor(first.rows[0])
    assert [row.number for row in page(lab, by_n, after=cursor).rows] == [2]
    places: list[list[Any]] = [[0, "1e99999", 1], [0, "x", 1], [3, None], [4, "", 1], [1, None, 1], [1, "x", "1"]]
    made_up = [(cursors.encode(["arguments.n", *place]), by_n) for place in places]
    for wrong, order in ((cursor, ArgumentOrder("n", True)), (cursor, ArgumentOrder("m")), ("", by_n), *made_up):
        with pytest.raises(InvalidTask, match="after is .*: give a cursor of the same list"):
            page(lab, order, after=wrong)
    with pytest.raises(InvalidTask, match="give the argument alone"):
        lab.store.read(read_page, TaskFilter(), [Order("NAME"), ArgumentOrder("n")], Window(), EVERYTHING)


def test_several_conditions_have_to_hold_and_other_conditions_beside_them(lab: Lab) -> None:
    submit(lab, *({"n": n, "beta": beta} for n in (100, 200) for beta in (0.5, 1.0)))
    submit_as_bob = lab.submit(arguments={"n": 200, "beta": 0.5}, owner="bob")[0]
    assert found(lab, condition("n", "EQ", 200.0), condition("beta", "LE", 0.5)) == [3, 5]
    assert found(lab, condition("n", "EQ", 200), condition("beta", "LE", 0.5), owner="bob") == [submit_as_bob.number]
    assert found(lab, condition("n", "EQ", 200), visible_to=Sight("bob")) == [submit_as_bob.number]
    assert found(lab, condition("n", "EQ", 200), search="1 + 1", name="1") == [3, 4, 5]
    assert found(lab) == [1, 2, 3, 4, 5]


def test_an_argument_by_position_is_found_by_what_frames_call_it_and_so_is_one_of_that_name(lab: Lab) -> None:
    given_to = ({"1": 200}, {"arg1": 200}, {"1": 100}, {"1": 100, "2": 200}, {"arg1": 100, "1": 200})
    tasks = [lab.submit("f(x...) = x", kind="CALL", entry="f", arguments=one)[0] for one in given_to]
    for comparison, expected in (("EQ", [1, 2, 5]), ("LT", [3, 4, 5]), ("NE", [3, 4, 5])):
        asked = condition("arg1", comparison, 200)
        assert found(lab, asked) == expected
        given = {task.number: exact_json.decode(task.arguments) for task in tasks}
        assert [number for number, arguments in given.items() if asked.holds(arguments)] == expected
    assert found(lab, condition("1", "EQ", 200)) == [1, 5]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (condition('n" or 1', "EQ", 1), r"""argument 'n" or 1' is no name that Julia takes"""),
        (condition("", "EQ", 1), "argument '' is no name"),
        (condition("n", "LT", True), "argument 'n' is compared with true: numbers and texts alone"),
        (condition("n", "GE", [1]), r"argument 'n' is compared with \[1\]"),
        (condition("n", "EQ", "x" * 1000), "a value of 1002 bytes as JSON: give at most 1000"),
        (condition("n", "EQ", Decimal("1e-1001")), "give a number whose power of ten is at most 1,000"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(lab: Lab, asked: ArgumentCondition, problem: str) -> None:
    with pytest.raises(InvalidTask, match=problem):
        found(lab, asked)
    with pytest.raises(InvalidTask, match="the filter by arguments has 21 conditions: give at most 20"):
        found(lab, *[condition("n", "EQ", 1)] * (MAX_CONDITIONS + 1))


def test_bulk_actions_are_about_the_tasks_whose_arguments_match(lab: Lab) -> None:
    submit(lab, *({"n": n} for n in (100, 200, 200.0)), {"n": "200"})
    ann = bulk_actions.Actor("ann")
    chosen = bulk_actions.Selection(filter=TaskFilter(arguments=[condition("n", "EQ", 200)]))
    cancelled = lab.store.write(bulk_actions.cancel_tasks, chosen, ann, EVERYTHING)
    assert ([task.number for task in cancelled.tasks], cancelled.changed) == ([2, 3], 2)
    assert lab.store.write(bulk_actions.retry_tasks, chosen, ann, EVERYTHING).changed == 2
    assert lab.store.write(bulk_actions.delete_tasks, chosen, ann, EVERYTHING).changed == 2
    assert found(lab) == [1, 4]
    assert found(lab, condition("n", "EQ", 200)) == []


def test_the_feed_brings_changes_of_tasks_whose_arguments_match_and_names_those_that_are_deleted(lab: Lab) -> None:
    few, many, *_ = submit(lab, {"n": 1}, {"n": 200}, {})
    chosen = TaskFilter(arguments=[condition("n", "GE", 100)])

    def news(since: int) -> tuple[list[int], list[str]]:
        read = lab.store.read(read_changes, since, chosen, EVERYTHING)
        return [row.number for row in read.tasks], read.deleted

    assert news(0) == ([many.number], [])
    seen = lab.store.read(read_changes, 0, None, EVERYTHING).version
    lab.claim(lab.join(), few, many)
    assert news(seen) == ([many.number], [])
    lab.bulk_action("delete", few, many)
    assert news(seen) == ([], [few.id, many.id])


def test_an_argument_that_stands_for_a_value_matches_once_the_value_is_there(lab: Lab) -> None:
    (needed,) = lab.submit()
    (waiting,) = lab.submit(arguments={"n": {"$task": needed.id}})
    asked = condition("n", "EQ", 2)
    assert found(lab, asked) == []
    worker = lab.join()
    lab.claim(worker, needed)
    lab.finish(needed, worker)
    assert found(lab, asked) == [waiting.number]


@pytest.mark.parametrize("others", [{}, {"status": [TaskStatus.FINISHED]}, {"owner": "user3"}, {"name": "beta=1"}])
def test_tasks_are_counted_by_status_among_those_whose_arguments_match(lab: Lab, others: dict[str, Any]) -> None:
    seed(lab.store, 2000)
    asked = TaskFilter(arguments=[condition("n", "LT", 500)], **others)
    wants = frozenset({"counts", "totalCount"})
    counted = lab.store.read(read_page, asked, (), Window(first=0), wants)
    alone = lab.store.read(read_page, asked, (), Window(first=0), frozenset({"totalCount"}))
    assert counted.counts is not None
    assert counted.total == alone.total == sum(
        counted.counts[status] for status in others.get("status", counted.counts)
    )
    assert 0 < counted.total < 2000


def test_tasks_are_counted_by_an_argument_in_one_walk_through_the_table(lab: Lab) -> None:
    seed(lab.store, 2000)
    asked = TaskFilter(arguments=[condition("n", "EQ", 200)])
    with executed(lab.store.reader) as statements:
        lab.store.read(read_page, asked, (), Window(first=0), frozenset({"totalCount", "counts"}))
        lab.store.read(read_page, asked, (), Window(first=0), frozenset({"totalCount"}))
        lab.store.read(read_page, asked, [ArgumentOrder("n")], Window(first=0), frozenset({"totalCount"}))
    with lab.store.reader.begin() as conn:
        walks = [line for one in statements for line in plan(conn, *one) if re.search("(SCAN|Seq Scan on) tasks", line)]
    assert not [line for line in walks if "INDEX" in line]  # each row would be looked up by itself
    assert 3 <= len(walks) <= 5  # two pages and the figures of each, and one for the order, its page and its figures
