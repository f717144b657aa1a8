"""The board with a token that runs recipes alone: it shows what that may see, and says what it may not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stacks import RunningStack, eventually
from taskq_widgets import TaskBoard
from taskq_widgets.form import RUNS_RECIPES
from taskq_widgets.overview import SEES_RECIPES
from taskq_widgets.panels.provenance import file_of

from taskq_kernel import Client, connect
from taskq_kernel.client.connection import Address
from taskq_kernel.domain import Role
from taskq_kernel.local.visitor import visitor_token

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def runner(stack: RunningStack, tmp_path: Path) -> Iterator[Client]:
    file = visitor_token(Address(stack.url, stack.token()), tmp_path, "a runner", Role.RUNNER)
    assert file is not None
    with connect(stack.url, token=file.read_text()) as client:
        yield client


def send(widget: Any, kind: str, **content: Any) -> None:
    """Send what a page sends."""
    widget._handle_custom_msg({"type": kind, "view": "page", **content}, [])


def soon(widget: Any, probe: Callable[[], object], what: str) -> None:
    """Wait for something on a widget that a page looks at meanwhile."""
    eventually(lambda: (send(widget, "alive"), probe())[1], what)


def test_it_shows_what_recipes_have_made_and_says_in_words_what_else_there_is(
    q: Client, runner: Client, caplog: pytest.LogCaptureFixture
) -> None:
    hidden = q.submit("1", name="of no recipe")
    task = q.recipe("ising").submit(side=8, sweeps=200, temperature=1.5)
    task.wait(60)
    with caplog.at_level(logging.WARNING, logger="taskq_widgets"):
        board = TaskBoard(runner)
        soon(board.overview, lambda: board.overview.counts["FINISHED"], "it has counted")
        assert board.overview.withheld == SEES_RECIPES
        assert board.overview.figures == {}
        assert sum(board.overview.counts.values()) < sum(q.statistics().counts.values())
        numbers = set(board.table.frame().index)
        assert task.number in numbers
        assert hidden.number not in numbers
        soon(board.form, lambda: board.form.blocked == RUNS_RECIPES, "the form says why nothing can be submitted")
        send(board.form, "submit", code="1", form={"arguments": []}, insist=True)
        assert board.form.said == ""
        board.detail.show(task)
        soon(board.detail, lambda: board.detail.state == "ready", "the task is shown")
        assert board.detail.result["form"]
        assert not board.detail.may_change
        eventually(lambda: board.table.me, "the table knows who looks")
        assert not board.table.may_change
        assert f"task {task.number}" in file_of(runner, board.detail._data, "script").decode()
        board.close()
    assert [record.getMessage() for record in caplog.records] == []


def test_whoever_may_submit_code_sees_the_fleet_and_may_change_tasks(q: Client) -> None:
    task = q.submit("1")
    board = TaskBoard(q)
    soon(board.overview, lambda: board.overview.figures, "it has counted")
    assert board.overview.withheld == ""
    board.detail.show(task)
    soon(board.detail, lambda: board.detail.state == "ready", "the task is shown")
    assert board.detail.may_change
    eventually(lambda: board.table.me, "the table knows who looks")
    assert board.table.may_change
    soon(board.form, lambda: board.form.blocked.startswith("Write some code"), "code is what it lacks")
    board.close()
