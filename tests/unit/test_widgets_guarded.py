"""What a browser sends is taken over, or refused in one line that changes nothing."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from memory_tasks import MemoryTable
from taskq_widgets.detail import TaskDetail
from taskq_widgets.editor.editor import JuliaEditor
from taskq_widgets.form import FIELDS, SubmitForm
from taskq_widgets.guarded import GuardedWidget, HandlerFailed
from taskq_widgets.overview import Overview
from test_widgets_live import ScriptedService

GOOD = {**FIELDS, "priority": "high", "arguments": [["n", "1"]]}
WIDGETS = ["form", "detail", "overview", "table", "editor"]


def make(kind: str) -> Any:
    client: Any = ScriptedService([])
    made = {
        "form": lambda: SubmitForm(client), "detail": lambda: TaskDetail(client), "overview": lambda: Overview(client),
        "table": MemoryTable, "editor": JuliaEditor,
    }[kind]()  # fmt: skip
    assert isinstance(made, GuardedWidget)
    return made


def values(widget: Any) -> dict[str, Any]:
    return {name: getattr(widget, name) for name in widget.class_trait_names(sync=True)}


def own_traits(widget: Any) -> list[str]:
    return sorted(name for name, trait in widget.traits(sync=True).items() if "taskq" in trait.this_class.__module__)


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What this thread has warned of; widgets of other tests may still have threads of their own."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.thread == threading.get_ident()
    ]


@pytest.mark.parametrize("kind", WIDGETS)
def test_no_trait_takes_a_value_that_it_cannot_have(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    widget = make(kind)
    before = values(widget)
    names = [name for name in own_traits(widget) if not name.startswith("_")]
    assert names
    for name in names:
        caplog.clear()
        forged = ["forged"] if isinstance(getattr(widget, name), dict | type(None)) else {"forged": 1}
        state = {"state": {name: forged}, "method": "update", "buffer_paths": []}
        widget._handle_msg({"content": {"data": state}, "buffers": []})
        assert values(widget) == before
        (line,) = refusals(caplog)
        assert f"'{name}' trait" in line
        assert "\n" not in line


def test_what_came_with_a_refused_value_is_refused_too_and_the_page_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    form = make("form")
    told: list[Any] = []
    monkeypatch.setattr(form, "send_state", told.append)
    form.set_state({"name": "new", "priority": "urgent"})
    assert (form.name, form.priority) == ("", "normal")
    assert {"name", "priority"} <= set(told[-1])
    assert "'urgent'" in refusals(caplog)[0]
    form.set_state({"name": "new", "priority": "high"})
    assert (form.name, form.priority) == ("new", "high")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        *[(kind, content) for kind in WIDGETS for content in (None, [], "text", 7)],
        ("form", {"type": "example", "index": 99}),
        ("form", {"type": "example", "index": None}),
        ("form", {"type": "fields"}),
        ("form", {"type": "fields", "form": {**GOOD, "priority": "urgent"}}),
        ("form", {"type": "fields", "form": {**GOOD, "arguments": [["only a name"]]}}),
        ("form", {"type": "submit", "form": GOOD}),
        ("form", {"type": "submit", "form": {**GOOD, "priority": None}, "code": "1"}),
        ("detail", {"type": "tab", "tab": "nonsense"}),
        ("detail", {"type": "log"}),
        ("detail", {"type": "act"}),
        ("overview", {"type": "filter", "statuses": 7}),
        ("table", {"type": "open"}),
        ("table", {"type": "open", "view": "v", "first": "a", "count": 1}),
        ("table", {"type": "open", "view": "v", "first": 0, "count": 1, "query": {"sort": "nonsense"}}),
        ("table", {"type": "query", "view": "v", "query": {"statuses": ["LOST"]}, "query_count": 1, "count": 1}),
        ("editor", {"type": "submit"}),
        ("editor", {"type": "submit", "value": "1", "syntax_error": "text"}),
    ],
)  # fmt: skip
def test_a_message_that_makes_no_sense_changes_nothing(
    kind: str, content: Any, caplog: pytest.LogCaptureFixture
) -> None:
    widget = make(kind)
    before = values(widget)
    widget._on_message(widget, content, [])
    assert values(widget) == before
    (line,) = refusals(caplog)
    assert "refused" in line


def test_an_error_of_the_users_own_handler_is_theirs_to_see() -> None:
    table = make("table")
    table.on_open(lambda task, _part: {}[task])
    with pytest.raises(HandlerFailed) as failed:
        table._on_message(table, {"type": "open_task", "id": "some id"}, [])
    assert isinstance(failed.value.__cause__, KeyError)
