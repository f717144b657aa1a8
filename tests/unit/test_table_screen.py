"""What a screen reads, keeps, and sends to its browser; and what is selected."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from memory_tasks import MemoryTable, MemoryTasks
from taskq_widgets.table import selection_actions
from taskq_widgets.table.columns import CELLS
from taskq_widgets.table.query import SORTABLE, Query
from taskq_widgets.table.screen import Screen
from taskq_widgets.table.selection import Selection
from taskq_widgets.table.selection_actions import chosen_for, count_hidden, rows_of, select, select_all

from taskq_kernel.errors import InvalidTask

START = datetime(2025, 3, 1, 12, tzinfo=UTC).timestamp()


def made(number: int, **changes: Any) -> dict[str, Any]:
    """Return a task as GraphQL gives it."""
    task = {
        "id": str(UUID(int=number)), "number": number, "name": f"task {number}", "kind": "SCRIPT", "code": "1 + 1",
        "queue": "default", "priority": 1, "maxAttempts": 1, "attempt": 0, "status": "QUEUEING", "progress": None,
        "progressMessage": None, "lost": 0, "arguments": {},
        "value": None, "valueText": None, "valueType": None, "error": None, "worker": None,
        "owner": "ann", "batch": None, "seconds": None, "startedAt": None, "finishedAt": None, "version": number,
        "createdAt": datetime.fromtimestamp(START + number, UTC).isoformat(),
    }  # fmt: skip
    return task | changes


class Looked:
    """A screen on tasks, with a selection, as a table keeps it up."""

    def __init__(self, *tasks: dict[str, Any], query: Query | None = None, count: int = 10) -> None:
        self.source = MemoryTasks()
        self.source.upsert(tasks)
        self.selection = Selection()
        self.screen = Screen("v", query or Query(descending=False))
        self.screen.look_at(0, count)
        self.asked: list[tuple[int, int]] = []
        ask = self.source.rows
        self.source.rows = lambda *a: (self.asked.append(a[1:3]), ask(*a))[1]  # type: ignore[method-assign]
        self.source.on_changes(self.screen.take)

    def read(self) -> dict[str, Any] | None:
        """Read the window, and return what is sent."""
        for _ in self.screen.read(self.source):
            pass
        return self.patch()

    def patch(self) -> dict[str, Any] | None:
        count_hidden(self.screen, self.selection, self.source, anew=False)
        return self.screen.patch(self.selection)

    def select(self, op: str, *numbers: int, keep: bool = False) -> None:
        ids = [made(number)["id"] for number in numbers]
        select(self.selection, self.screen, self.source, {"op": op, "ids": ids, "keep": keep})

    @property
    def selected(self) -> list[int]:
        return sorted(row["number"] for row in rows_of(self.selection, self.source, self.screen.query, "number"))


def thirty(**changes: Any) -> Looked:
    return Looked(*(made(number, **changes) for number in range(1, 31)))


# ---- what is asked for


def test_a_query_is_a_filter_and_an_order_of_the_service() -> None:
    query = Query(text=" gap ", statuses=frozenset({"FAILED", "RUNNING"}), after=0.0, within_s=60.0, sort="seconds")
    assert query.to_filter(1000.0) == {
        "search": "gap", "status": ["RUNNING", "FAILED"], "createdAfter": "1970-01-01T00:15:40+00:00"
    }  # fmt: skip
    assert query.to_order() == [("SECONDS", "DESC")]
    assert Query().to_filter(0.0) == {"isPoint": False}
    assert Query(batch="b").to_filter(0.0) == {"batch": "b"}


def test_points_of_batches_are_left_out_until_a_filter_asks_for_some() -> None:
    point = made(1, batch="b", point=0)
    folded = [Query(), Query(sort="name"), Query(text=" "), Query(text="task", points=False)]
    open_ = [Query(text="task"), Query(statuses=frozenset({point["status"]})), Query(after=0.0), Query(batch="b"),
             Query(points=True)]  # fmt: skip
    assert [query.matches(point, 0.0) for query in (*folded, *open_)] == [False] * 4 + [True] * 5
    assert [query.shows_batches for query in (*folded, *open_)] == [True] * 3 + [False, True, False, False, True, False]
    # What is chosen stays what it is, whatever it is narrowed down with later.
    chosen = Query().fixed(1000.0, 2000.0)
    both = chosen.and_also(Query(statuses=frozenset({"FAILED"})))
    assert both is not None
    assert both.to_filter(0.0)["isPoint"] is False
    assert "isPoint" not in Query(text="x").fixed(0.0, 1.0).only(frozenset()).to_filter(0.0)
    nothing = Query(batch="b").and_also(Query(batch="c"))
    assert nothing is not None
    assert nothing.before == 0.0


@pytest.mark.parametrize("wrong", [{"sort": "colour"}, {"statuses": {"LOST"}}])
def test_a_query_that_makes_no_sense_is_refused_with_the_choices(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="colour|LOST"):
        Query(**wrong)


def test_a_query_survives_the_way_to_the_browser_and_back() -> None:
    query = Query(text="x", statuses=frozenset({"FAILED", "RUNNING"}), within_s=60.0, sort="name", descending=False)
    assert Query.from_json(query.to_json() | {"unknown": 1}) == query
    assert query.to_json()["statuses"] == ["RUNNING", "FAILED"]


@pytest.mark.parametrize("sort", SORTABLE)
def test_every_order_is_one_of_the_service(sort: str) -> None:
    from taskq_kernel.store.pages import ORDER_COLUMNS

    assert Query(sort=sort).to_order()[0][0] in ORDER_COLUMNS


def test_two_filters_are_one_where_one_can_say_what_fits_both() -> None:
    failed, named = Query(statuses=frozenset({"FAILED", "RUNNING"}), after=5.0), Query(text="x", after=7.0)
    assert failed.and_also(named) == Query(text="x", statuses=failed.statuses, after=7.0, points=True)
    assert named.and_also(Query(text="y")) is None
    nothing = failed.and_also(Query(statuses=frozenset({"FINISHED"})))
    assert nothing is not None
    assert nothing.before == 0.0


# ---- what a screen is sent


def test_a_screen_gets_its_rows_once_and_then_only_what_changed() -> None:
    looked = thirty()
    first = looked.read()
    assert first is not None
    assert len(first["rows"]) == len(first["ids"]) == 10
    assert first["head"]["total"] == 30
    assert looked.patch() is None
    assert looked.asked == [(0, 10)]

    looked.source.upsert([made(3, status="RUNNING", version=99)])
    assert looked.patch() == {"cells": {made(3)["id"]: [[6, "RUNNING"]]}}  # before anything is asked
    second = looked.read()
    assert second is not None
    assert set(second) == {"head"}
    assert set(second["head"]) == {"counts"}


def test_an_older_version_that_comes_late_changes_nothing() -> None:
    looked = Looked(made(1, version=5, name="new"))
    looked.read()
    looked.source.upsert([made(1, version=4, name="old")])
    assert looked.patch() is None


def test_what_changes_while_a_window_is_read_is_not_lost() -> None:
    looked = thirty()
    figures = looked.source.figures

    def late(query: Query) -> Any:
        looked.screen.take(changes(made(2, status="RUNNING", version=99)))
        return figures(query)

    looked.source.figures = late  # type: ignore[method-assign]
    patch = looked.read()
    assert patch is not None
    assert patch["rows"][made(2)["id"]][6] == "RUNNING"
    assert looked.screen.due is not None, "and it is read again, for the counts"


def changes(*tasks: dict[str, Any]) -> Any:
    from taskq_kernel.client.feed import Changes

    return Changes(version=0, tasks=list(tasks))


def test_a_change_out_of_sight_sends_no_rows() -> None:
    looked = thirty()
    looked.read()
    looked.source.upsert([made(25, name="other", version=99)])
    assert looked.patch() is None
    assert looked.read() is None


def test_scrolling_sends_the_rows_that_came_into_sight() -> None:
    looked = thirty()
    looked.read()
    looked.screen.look_at(5, 10)
    assert looked.screen.next_read() == float("-inf")
    patch = looked.read()
    assert patch is not None
    assert list(patch["rows"]) == [made(n)["id"] for n in range(11, 16)]
    assert patch["first"] == 5


def test_a_window_past_the_end_shows_the_end() -> None:
    looked = thirty()
    looked.read()
    looked.screen.look_at(1000, 10)
    patch = looked.read()
    assert patch is not None
    assert patch["first"] == 20
    assert patch["ids"][-1] == made(30)["id"]


def test_a_window_that_changed_is_read_again_but_not_too_often() -> None:
    looked = thirty()
    looked.read()
    assert looked.screen.next_read() == float("inf")
    looked.source.upsert([made(31)])
    first = looked.screen.next_read()
    looked.source.upsert([made(32)])
    assert looked.screen.next_read() == first
    assert first >= looked.screen._read + 0.25


def test_rows_of_a_text_are_shown_before_all_are_counted() -> None:
    looked = Looked(*map(made, range(1, 31)), query=Query(text="task", descending=False))
    reading = looked.screen.read(looked.source)
    next(reading)
    patch = looked.patch()
    assert patch is not None
    assert len(patch["ids"]) == 10
    assert list(reading) == []
    assert looked.patch() == {"head": {"total": 30, "all": 30, "counts": patch["head"]["counts"] | {"QUEUEING": 30}}}


# ---- what is selected


def test_a_screen_learns_what_is_selected_in_sight_and_beyond() -> None:
    tasks = [made(n, status="FAILED" if n > 20 else "QUEUEING") for n in range(1, 31)]
    looked = Looked(*tasks, query=Query(statuses=frozenset({"QUEUEING"}), descending=False))
    looked.read()
    looked.select("add", 1, 15, 25)
    assert looked.patch() == {"head": {"selection": [3, 2, 0, 1, 0], "selected": [made(1)["id"]]}}


def test_a_screen_is_told_which_of_its_selections_is_answered_even_if_nothing_else_changed() -> None:
    looked = thirty()
    looked.read()
    looked.screen.selection_count = 3
    assert looked.patch() == {"head": {"selection_count": 3}}
    assert looked.patch() is None


def test_a_range_reaches_beyond_what_is_here() -> None:
    looked = thirty()
    looked.read()
    looked.select("only", 3)
    looked.screen.look_at(18, 10)
    looked.read()
    looked.select("range", 3, 22)
    assert looked.selected == list(range(3, 23))
    looked.select("range", 22, 20)
    assert looked.selected == [20, 21, 22]


def test_a_range_that_is_too_long_is_refused_and_selects_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection_actions, "MOST", 20)
    looked = Looked(*map(made, range(1, 31)), count=30)
    looked.read()
    with pytest.raises(InvalidTask, match="a range of 25 tasks is too long"):
        looked.select("range", 1, 25, keep=True)
    assert looked.selected == []


def test_all_that_match_are_a_filter_that_later_tasks_do_not_fit() -> None:
    looked = thirty(status="FAILED")
    looked.read()
    select_all(looked.selection, looked.source, Query(statuses=frozenset({"FAILED"})))
    looked.source.upsert([made(31, status="FAILED")])
    assert looked.selected == list(range(1, 31))
    chosen = chosen_for(looked.selection, looked.source, "retry")
    assert chosen.ids == []
    assert chosen.query is not None
    assert chosen.query.before is not None
    assert START + 30 < chosen.query.before < START + 31
    assert chosen_for(looked.selection, looked.source, "cancel").query is None


def test_some_can_be_taken_out_of_all_that_match_and_put_back() -> None:
    looked = thirty(status="FAILED")
    looked.read()
    select_all(looked.selection, looked.source, Query())
    looked.select("remove", 1, 2)
    looked.read()
    assert looked.selected == list(range(3, 31))
    assert looked.selection.figures(0) == [28, 0, 0, 0, 0]
    assert len(chosen_for(looked.selection, looked.source, "delete").ids) == 28
    looked.select("add", 2)
    assert looked.selected == list(range(2, 31))


def test_a_selection_counts_what_can_be_done_with_it_as_tasks_change_and_go() -> None:
    looked = Looked(made(1), made(2, status="RUNNING"), made(3, status="FINISHED"), made(4, status="FAILED"))
    looked.read()
    looked.select("add", 1, 2, 3, 4)
    assert looked.selection.figures(0) == [4, 2, 1, 0, 1]
    looked.selection.update([made(1, status="FAILED", version=50)])
    assert looked.selection.figures(0) == [4, 1, 1, 0, 1]
    looked.selection.forget([made(2)["id"]])
    assert looked.selection.figures(0) == [3, 0, 0, 0, 1]
    assert chosen_for(looked.selection, looked.source, "retry").ids == [made(n)["id"] for n in (1, 3, 4)]


# ---- arguments


def test_what_is_typed_is_conditions_on_arguments_and_text_and_says_so() -> None:
    query = Query(text="n=200 beta>=0.5 gap", sort="argument.n", descending=False)
    conditions = [
        {"name": "n", "comparison": "EQ", "value": 200}, {"name": "beta", "comparison": "GE", "value": 0.5}
    ]  # fmt: skip
    assert query.to_filter(0.0) == {"search": "gap", "arguments": conditions}
    assert query.to_order() == [("argument.n", "ASC")]
    assert query.taken() == "Tasks with the arguments n = 200 and beta ≥ 0.5, and “gap” in their name or code."
    assert Query(text="n=200").taken() == "Tasks with the argument n = 200."
    assert (Query(text="gap").taken(), Query(text='"n = 2"').to_filter(0.0)) == ("", {"search": "n = 2"})
    assert Query.from_json(query.to_json()) == query
    with pytest.raises(InvalidTask, match="no name that Julia takes"):
        Query(sort="argument.a b")


def test_conditions_on_arguments_reach_the_points_of_batches_and_leave_no_row_for_a_batch() -> None:
    by_n = Query(text="n=2")
    assert (by_n.folds, by_n.shows_batches, Query(text="gap").shows_batches) == (False, False, True)


def test_a_row_fits_where_its_arguments_do() -> None:
    rows = [made(n, arguments={"n": n, "kind": "a"}) for n in (1, 2, 3)]
    assert [row["number"] for row in rows if Query(text="n>=2 task").matches(row, 0.0)] == [2, 3]
    assert [row["number"] for row in rows if Query(text='kind=a n!=2 1 + 1').matches(row, 0.0)] == [1, 3]
    assert not Query(text="n=1").matches(made(4), 0.0)


def test_two_filters_by_arguments_are_one() -> None:
    by_n, by_m = Query(text="n=1"), Query(text="m=2 gap")
    both = by_n.and_also(by_m)
    assert both is not None
    assert (len(both.typed.terms), both.typed.text) == (2, "gap")
    assert by_m.and_also(Query(text="other")) is None
    assert (by_n.and_also(by_n) or Query()).text == "n=1"
    assert Query(text="z = 1").and_also(Query(text="+ 2im")) is None  # together they would say something else


def test_all_that_match_by_an_argument_are_selected_and_those_selected_before_that_do_not() -> None:
    looked = Looked(*(made(n, arguments={"n": n % 3}) for n in range(1, 31)))
    looked.read()
    looked.select("add", 1, 2, 3)
    select_all(looked.selection, looked.source, Query(text="n=2"))
    assert looked.selected == sorted({1, 3, *range(2, 31, 3)})
    assert looked.selection.figures(0)[0] == 12
    chosen = chosen_for(looked.selection, looked.source, "cancel")
    assert (len(chosen.ids), chosen.query is not None) == (2, True)


def test_a_screen_says_what_the_text_was_taken_for() -> None:
    looked = Looked(*(made(n, arguments={"n": n % 3}) for n in range(1, 31)), query=Query(text="n=2"))
    first = looked.read()
    assert first is not None
    assert (first["head"]["total"], first["head"]["taken"]) == (10, "Tasks with the argument n = 2.")
    looked.screen.query = Query()
    second = looked.read()
    assert second is not None
    assert second["head"]["taken"] == ""


def test_what_the_feed_tells_is_shown_before_the_service_is_asked_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskq_widgets.table.screen.AGAIN_S", 0.0)
    monkeypatch.setattr("taskq_widgets.table.screen.AGAIN_TIMES", 0.0)
    table = MemoryTable()
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(table, "send", said.append)
    table.upsert([made(1), made(2)])
    table._receive({"type": "open", "view": "v", "first": 0, "count": 10, "query_count": 0, "selection_count": 0})
    table._refresh()
    assert said[-1]["ids"] == [made(2)["id"], made(1)["id"]]
    asked, figures = [], table.model.figures
    monkeypatch.setattr(table.model, "figures", lambda query: (asked.append(len(said)), figures(query))[1])
    before = len(said)
    table.upsert([made(2, status="CANCELLED", version=9)])
    table._refresh()
    assert asked == [before + 1]
    assert [place for place, _ in said[before]["cells"][made(2)["id"]]] == [CELLS.index("status")]
    table.close()
