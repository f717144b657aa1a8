"""What a notebook's cell shows of a task while it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from client_fixtures import q, service
from client_lab import FakeService, soon

from taskq_kernel.client import live, progress
from taskq_kernel.client.live import Pace, show_live, shown_live
from taskq_kernel.client.task_cache import Entry

__all__ = ["q", "service"]


class Page:
    """A notebook's page: what each of its outputs shows, one after the other."""

    def __init__(self) -> None:
        self.outputs: list[list[str]] = []

    def show(self, bundle: dict[str, str], raw: bool, display_id: bool) -> Any:
        shown = [bundle["text/plain"]]
        self.outputs.append(shown)

        class Handle:
            def update(self, bundle: dict[str, str], raw: bool) -> None:
                shown.append(bundle["text/plain"])

        return Handle()


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    display = pytest.importorskip("IPython.display", reason="IPython is part of the extra `lab`")
    made = Page()
    for module in (progress, live):
        monkeypatch.setattr(module, "in_notebook", lambda: True)
    monkeypatch.setattr(display, "display", made.show)
    monkeypatch.setattr(live, "REDRAW_S", 0.001)
    return made


@contextmanager
def nobody_looks_after_them() -> Iterator[None]:
    """Whatever is shown live is over in the end."""
    yield
    soon(lambda: not any(one.name == "taskq-live" for one in threading.enumerate()))


def test_a_cell_shows_a_task_as_it_goes_on_and_in_the_end_its_value(service: FakeService, q: Any, page: Page) -> None:
    task = q.submit("1", name="slow")
    with nobody_looks_after_them():
        show_live(task)
        service.change(task.id, status="RUNNING", progress=0.25, progressMessage="warm")
        soon(lambda: page.outputs[0][-1] == "<Task 1 'slow' RUNNING: 25 %, warm>")
        service.finish(task.id, 42)
    assert page.outputs == [[
        "<Task 1 'slow' QUEUEING>", "<Task 1 'slow' RUNNING: 25 %, warm>", "<Task 1 'slow' FINISHED: 42>",
    ]]


def test_a_batch_is_shown_as_one(service: FakeService, q: Any, page: Page) -> None:
    batch = q.submit_many(["1", "2"])
    with nobody_looks_after_them():
        show_live(batch)
        service.finish(batch[1].id, 1)
        soon(lambda: page.outputs[0][-1] == "<Batch of 2: 1 QUEUEING, 1 FINISHED>")
        service.delete(batch[0].id)
    assert len(page.outputs) == 1


def test_nothing_is_sent_when_nothing_has_changed(service: FakeService, q: Any, page: Page) -> None:
    task, other = q.submit("1"), q.submit("2")
    with nobody_looks_after_them():
        show_live(task)
        show_live(other)
        service.change(task.id, status="RUNNING")
        soon(lambda: len(page.outputs[0]) == 2)
        for seconds in (1, 2, 3):  # what no row shows
            service.change(task.id, environment=f"1.12.{seconds}")
        service.finish(other.id, 1)
        soon(lambda: len(page.outputs[1]) == 2)
        service.finish(task.id, 1)
    assert [len(shown) for shown in page.outputs] == [3, 2]


@pytest.fixture
def cleared(monkeypatch: pytest.MonkeyPatch, page: Page) -> list[str]:
    """How the output looked when it was given up for what the cell shows next."""
    made: list[str] = []

    def clear_output(*, wait: bool) -> None:
        assert wait, "nothing is gone before something else is there"
        made.append(page.outputs[0][-1])

    monkeypatch.setattr("IPython.display.clear_output", clear_output)
    return made


def test_who_waits_gets_the_result_in_the_place_of_the_row(
    service: FakeService, q: Any, page: Page, cleared: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live._Outputs, "_run", lambda *_: None)  # nobody draws in the background
    task = q.submit("1", name="slow")
    with shown_live(task):
        service.finish(task.id, 42)
        assert task.result() == 42
    assert cleared == ["<Task 1 'slow' FINISHED: 42>"], "it is right where nothing is shown next"


def test_what_is_raised_takes_the_place_of_the_row_but_an_interrupt_leaves_it_to_go_on(
    service: FakeService, q: Any, page: Page, cleared: list[str]
) -> None:
    task = q.submit("1", name="slow")
    with nobody_looks_after_them():
        with pytest.raises(KeyboardInterrupt), shown_live(task):
            raise KeyboardInterrupt
        assert cleared == []
        service.finish(task.id, 42)
        soon(lambda: page.outputs[0][-1] == "<Task 1 'slow' FINISHED: 42>")
    with pytest.raises(RuntimeError), shown_live(task):
        raise RuntimeError
    assert len(cleared) == 1


def test_what_is_done_and_what_no_notebook_shows_is_left_to_ipython(
    service: FakeService, q: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = q.submit("1")
    service.finish(done.id, 1)
    with pytest.raises(NotImplementedError):
        show_live(done)
    monkeypatch.setattr(live, "in_notebook", lambda: False)
    with pytest.raises(NotImplementedError):
        show_live(q.submit("2"))
    assert page.outputs == []


def test_with_its_client_it_is_over(service: FakeService, q: Any, page: Page) -> None:
    with nobody_looks_after_them():
        show_live(q.submit("1"))
        q.close()


def test_the_time_left_is_that_of_the_pace_seen_and_said_anew_only_with_progress() -> None:
    entry, pace = Entry({"id": "1", "version": 1, "status": "QUEUEING"}), Pace()
    assert pace.left([entry], 0.0) == ""
    entry.row = {**entry.row, "status": "RUNNING"}
    assert pace.left([entry], 100.0) == ""
    entry.row = {**entry.row, "progress": 0.25}
    assert pace.left([entry], 110.0) == "30 s left"
    assert pace.left([entry], 119.0) == "30 s left"
    entry.row = {**entry.row, "progress": 0.5}
    assert pace.left([entry], 120.0) == "20 s left"
    entry.row = {**entry.row, "progress": 1.0}
    assert pace.left([entry], 140.0) == ""
