"""The rows of batches above a table: what they say, when they are read, and that nothing is sent twice."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from batch_rows import batch, failed
from memory_tasks import MemoryTasks
from taskq_widgets import Query
from taskq_widgets.table.batch_window import AGAIN_S, FIRST, RETRY_S, BatchWindow
from taskq_widgets.table.batches import MOST_CAUSES, BatchRows, cells_of
from taskq_widgets.table.screen import Screen
from taskq_widgets.table.selection import Selection
from taskq_widgets.table.source import ServiceTasks

from taskq_kernel.client.feed import Changes
from taskq_kernel.errors import ServiceUnreachable

NOW, NEVER = float("-inf"), float("inf")


@dataclass
class Asked(MemoryTasks):
    """A source that remembers which batches it was asked for."""

    asked: list[Query] = field(default_factory=list)
    away: bool = False

    def __post_init__(self) -> None:
        super().__init__()
        self.batch_rows = [batch(f"sweep {i}", FINISHED=1) for i in range(7)]

    def batches(self, query: Query, count: int) -> BatchRows:
        self.asked.append(query)
        if self.away:
            raise ServiceUnreachable("away")
        return super().batches(query, count)


def test_a_row_says_how_far_its_batch_is_and_why_points_failed() -> None:
    causes = [failed(2, "DomainError", 7), failed(1, "KeyError", 9, line=None)]
    told = cells_of(batch("ising", *causes, left=190.0, QUEUEING=5, RUNNING=2, FINISHED=10, FAILED=3))
    assert told == {
        "id": "id of ising", "name": "ising", "total": 20, "done": 13, "left": "3 min", "causes": 2,
        "counts": {"QUEUEING": 5, "RUNNING": 2, "FINISHED": 10, "FAILED": 3},
        "failures": [[2, "DomainError in line 3: DomainError it is", 7], [1, "KeyError: KeyError it is", 9]],
    }  # fmt: skip
    many = cells_of(batch("many", *(failed(1, f"E{i}", i) for i in range(50)), FAILED=50))
    assert (len(many["failures"]), many["causes"]) == (MOST_CAUSES, 50)


def test_batches_are_read_when_the_question_or_a_point_changes_and_not_otherwise() -> None:
    source, window = Asked(), BatchWindow()
    window.read(source, Query())
    assert ([one["name"] for one in window.cells], window.total) == ([f"sweep {i}" for i in range(FIRST)], 7)
    assert window.next_read(Query()) == window.next_read(Query(sort="name")) == NEVER
    # Another question is asked at once: more rows, those of a name, the one that is opened.
    window.look_at(7)
    assert window.next_read(Query()) == NOW
    for query, names in [(Query(text="6"), ["sweep 6"]), (Query(batch="id of sweep 2"), ["sweep 2"])]:
        assert window.next_read(query) == NOW
        window.read(source, query)
        assert [one["name"] for one in window.cells] == names
    # A filter for statuses has no batches, and asks nobody.
    window.read(source, Query(statuses=frozenset({"FAILED"})))
    assert (window.cells, len(source.asked)) == ([], 3)
    window.read(source, Query())
    # A task that is no point changes none of them; a point does, soon.
    window.take(Changes(version=1, tasks=[{"id": "a", "point": None}]))
    assert window.next_read(Query()) == NEVER
    window.take(Changes(version=2, tasks=[{"id": "b", "point": 0}]))
    assert 0 < window.next_read(Query()) - time.monotonic() <= AGAIN_S + 1


@pytest.mark.parametrize("changes", [{"deleted": ["x"]}, {"anew": True}], ids=["deleted", "anew"])
def test_batches_are_read_again_where_some_may_be_gone(changes: dict[str, Any]) -> None:
    source, window = Asked(), BatchWindow()
    window.read(source, Query())
    window.take(Changes(version=1, **changes))
    assert window.next_read(Query()) < NEVER


def test_a_service_that_does_not_answer_is_asked_again_after_a_while() -> None:
    source, window = Asked(away=True), BatchWindow()
    with pytest.raises(ServiceUnreachable):
        window.read(source, Query())
    assert 0 < window.next_read(Query()) - time.monotonic() <= RETRY_S


def test_a_screen_is_sent_its_batches_once_and_then_only_what_changed() -> None:
    source, screen, selection = Asked(), Screen("v", Query()), Selection()
    for _ in screen.read(source):
        pass
    screen.batches.read(source, screen.query)
    first = screen.patch(selection)
    assert first is not None
    assert (len(first["head"]["batches"]), first["head"]["batches_total"]) == (FIRST, 7)
    screen.batches.read(source, screen.query)
    assert screen.patch(selection) is None
    source.batch_rows[0] = batch("sweep 0", FINISHED=2)
    screen.batches.read(source, screen.query)
    again = screen.patch(selection)
    assert again is not None
    assert set(again["head"]) == {"batches"}


def test_the_points_of_the_first_batch_are_left_out_from_the_first_that_is_told_of() -> None:
    source = ServiceTasks(cast("Any", None), {})
    source._any_batches = False  # as it was when the board was opened
    heard: list[Changes] = []
    assert "isPoint" not in source.filter(Query())
    source._tell(heard.append, Changes(1, [{"id": "a", "point": None}]))
    assert "isPoint" not in source.filter(Query())
    source._tell(heard.append, Changes(2, [{"id": "b", "point": 0}]))
    assert source.filter(Query())["isPoint"] is False
    assert len(heard) == 2
