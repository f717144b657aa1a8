"""What a recipe's form shows where more was asked for while the service had not answered yet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from taskq_widgets import RecipeForm
from taskq_widgets.live import LiveState
from taskq_widgets.recipes import form as form_module

from taskq_kernel.errors import NotFound

RECIPE: Any = SimpleNamespace(
    name="ising", title="Ising", help="", parameters=[], code="", show=SimpleNamespace(kind="number")
)


class Live:
    """Stands for the connection: a run is found when it is let go, but for the one that is not there."""

    state = LiveState("ready")
    transport = None

    def __init__(self) -> None:
        self.client = self
        self.found = {"1": threading.Event(), "2": threading.Event(), "none": threading.Event()}

    def on_state(self, _listener: object) -> Callable[[], None]:
        return lambda: None

    on_changes = on_state

    def task(self, task: str) -> Any:
        assert self.found[task].wait(30)
        if task == "none":
            raise NotFound("there is no such task", "NOT_FOUND")
        return SimpleNamespace(number=int(task), recipe="ising", field=lambda _name: {})


class Page:
    """A form on a page, and what it has asked for so far."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.form = RecipeForm(RECIPE)
        self.asking: list[threading.Thread] = []

    def send(self, kind: str, **content: Any) -> None:
        self.form._receive({"type": kind, "view": "page", **content})

    def answer(self, task: str) -> None:
        """Let one be found, and wait until the form has heard of it."""
        self.live.found[task].set()
        thread = next(one for one in self.asking if one.name == task)
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    live = Live()
    monkeypatch.setattr(form_module, "live_tasks", lambda _client: live)
    made = Page(live)

    def in_background(call: Callable[..., None], content: dict[str, Any], *more: Any) -> None:
        made.asking.append(threading.Thread(target=call, args=(content, *more), name=content["id"]))
        made.asking[-1].start()

    monkeypatch.setattr(form_module, "in_background", in_background)
    yield made
    for event in live.found.values():
        event.set()
    for thread in made.asking:
        thread.join(30)
    made.form.close()


def test_of_two_runs_that_are_opened_at_once_the_later_is_shown(page: Page) -> None:
    page.send("open", id="1")
    page.send("open", id="2")
    page.answer("2")
    page.answer("1")
    assert page.form.task is not None
    assert page.form.task.number == 2


def test_a_run_that_is_found_when_the_form_was_asked_for_again_is_not_shown(page: Page) -> None:
    page.send("open", id="1")
    page.send("clear")
    page.answer("1")
    assert page.form.task is None


def test_that_a_run_is_not_there_is_not_said_beside_a_later_one(page: Page) -> None:
    page.send("open", id="none")
    page.send("open", id="2")
    page.answer("2")
    page.answer("none")
    assert page.form.problems == {}
    page.send("open", id="none")
    page.asking[-1].join(30)
    assert "no such task" in page.form.problems["form"]
