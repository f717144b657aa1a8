"""A widget that is closed leaves nothing behind: no widget of its own, no listener, no feed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from ipywidgets import Layout, Widget
from ipywidgets.widgets.widget import _instances
from stacks import eventually
from taskq_widgets import Overview, SubmitForm, TaskBoard, TaskDetail, TaskTable
from taskq_widgets.live import live_tasks
from test_widgets_live import Page, ScriptedService, row

MAKE: dict[str, Callable[[Any], Widget]] = {
    "board": TaskBoard,
    "form": SubmitForm,
    "table": TaskTable,
    "detail": TaskDetail,
    "overview": Overview,
}


class CountedService(ScriptedService):
    """A service that counts who listens to its feed."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.listening = -1  # the client's own cache listens always
        super().__init__(rows)

    def subscribe(self, on_changes: Any, *, on_state: Any, on_retry: Any) -> Callable[[], None]:
        end = super().subscribe(on_changes, on_state=on_state, on_retry=on_retry)
        self.listening += 1

        def leave() -> None:
            self.listening -= 1
            end()

        return leave


@pytest.fixture
def service() -> CountedService:
    return CountedService([row(2), row(1)])


@pytest.mark.parametrize("kind", MAKE)
def test_closing_closes_every_widget_that_was_made(service: CountedService, kind: str) -> None:
    before = set(_instances)
    widget = MAKE[kind](service)
    assert set(_instances) > before
    widget.close()
    assert [type(_instances[one]).__name__ for one in set(_instances) - before] == []


@pytest.mark.parametrize("kind", MAKE)
def test_where_no_kernel_is_a_notebook_says_what_a_widget_is(service: CountedService, kind: str) -> None:
    widget = MAKE[kind](service)
    bundle = widget._repr_mimebundle_()
    told = bundle[0] if isinstance(bundle, tuple) else bundle
    assert told["text/plain"] == f"{type(widget).__name__}: run the cell to see it"
    widget.close()


@pytest.mark.parametrize("kind", MAKE)
def test_closing_ends_every_subscription(service: CountedService, kind: str) -> None:
    widget = MAKE[kind](service)
    live = live_tasks(service)  # type: ignore[arg-type]
    assert service.listening == 1
    widget.close()
    widget.close()  # closing twice is closing once
    assert (live._state_listeners, live._change_listeners) == ([], [])
    assert service.listening == 0


def test_the_feed_is_followed_as_long_as_one_widget_is_left_and_again_for_the_next(service: CountedService) -> None:
    first, second = TaskTable(service), SubmitForm(service)  # type: ignore[arg-type]
    service.connect()
    first.close()
    assert service.listening == 1
    second.close()
    assert service.listening == 0

    service.rows = [row(3)]  # what changes meanwhile nobody tells
    third = TaskTable(service)  # type: ignore[arg-type]
    page = Page(third)
    eventually(lambda: page.shown == ["task 3"], "the table shows them")
    assert service.listening == 1
    third.close()


def test_a_layout_that_somebody_gave_stays_theirs(service: CountedService) -> None:
    shared = Layout(width="50%")
    TaskDetail(service, layout=shared).close()  # type: ignore[arg-type]
    assert shared.model_id in _instances
    shared.close()


def test_an_overview_that_is_closed_is_told_no_more_of_a_table_that_stays(service: CountedService) -> None:
    table = TaskTable(service)  # type: ignore[arg-type]
    Overview(service, table=table).close()  # type: ignore[arg-type]
    assert table._query_handlers == []
    table.close()


def test_a_closed_board_leaves_no_thread_behind(service: CountedService) -> None:
    board = TaskBoard(service)  # type: ignore[arg-type]
    for part in (board.overview, board.form, board.detail):
        part._on_message(part, {"type": "alive", "view": "v"}, [])
    board.close()
    deadline = time.monotonic() + 15
    while any(part._refresher is not None for part in (board.overview, board.form, board.detail)):
        assert time.monotonic() < deadline, "a thread goes on"
        time.sleep(0.02)
