"""Panels send what has changed, while somebody looks, and nothing else."""

from __future__ import annotations

import time
from typing import Any

import pytest
import traitlets
from memory_tasks import MemoryTable
from taskq_widgets.panels import panel as module
from taskq_widgets.panels.panel import Panel

from taskq_kernel.errors import InvalidTask


class Counter(Panel):
    """A panel that counts how often it was refreshed, and shows a number."""

    shown = traitlets.Int().tag(sync=True)

    def __init__(self) -> None:
        self.refreshed = 0
        self.pause_s = 5.0
        self.sent: list[dict[str, Any]] = []
        self.said: list[dict[str, Any]] = []
        super().__init__()

    @property
    def _pause_s(self) -> float:
        return self.pause_s

    def _refresh(self) -> None:
        self.refreshed += 1

    def send_state(self, key: Any = None) -> None:
        self.sent.append({"key": key})

    def send(self, content: Any, buffers: Any = None) -> None:
        self.said.append(content)


@pytest.fixture(autouse=True)
def quiet_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cell runs, and a heartbeat is fresh for a moment only."""
    monkeypatch.setattr(module._cells, "began", float("-inf"))
    monkeypatch.setattr(module._cells, "ended", float("-inf"))
    monkeypatch.setattr("taskq_widgets.heartbeat.FRESH_S", 0.4)


def say(panel: Panel, kind: str) -> None:
    panel._on_message(panel, {"type": kind, "view": "v"}, [])


def test_nobody_looks_and_nothing_is_done() -> None:
    panel = Counter()
    panel._refresh_soon()
    time.sleep(0.2)
    assert not panel.watched
    assert panel.refreshed == 0


def test_a_heartbeat_wakes_it_and_silence_puts_it_to_sleep() -> None:
    panel = Counter()
    panel.pause_s = 0.05
    say(panel, "alive")
    assert panel.watched
    deadline = time.monotonic() + 5
    while panel._refresher is not None:
        assert time.monotonic() < deadline, "it does not go to sleep"
        time.sleep(0.02)
    assert panel.refreshed > 0
    refreshed = panel.refreshed
    panel._refresh_soon()
    time.sleep(0.2)
    assert panel.refreshed == refreshed


def test_an_answer_tells_whether_a_cell_runs_beside_it() -> None:
    panel = Counter()
    for change in (module._cells.start, module._cells.stop):
        change()
        say(panel, "alive")
    assert [one["in_cell"] for one in panel.said] == [True, False]
    say(panel, "close")


def test_a_display_that_is_closed_is_not_waited_for() -> None:
    panel = Counter()
    say(panel, "alive")
    say(panel, "close")
    assert not panel.watched


def test_a_message_of_unknown_type_is_left_aside() -> None:
    panel = Counter()
    say(panel, "message")
    say(panel, "close")


def test_a_trait_that_stays_the_same_sends_nothing() -> None:
    panel = Counter()
    panel.shown = 3
    panel.sent.clear()
    with panel._together():
        panel.shown = 3
    assert [one for one in panel.sent if one["key"]] == []


def test_each_heartbeat_is_answered_and_nothing_is_said_without_one() -> None:
    panel = Counter()
    panel.pause_s = 0.01
    for _ in range(3):
        say(panel, "alive")
    assert panel.said == [{"type": "here", "view": "v", "in_cell": False}] * 3
    deadline = time.monotonic() + 5
    while panel._refresher is not None:
        assert time.monotonic() < deadline, "it does not go to sleep"
        time.sleep(0.02)
    say(panel, "close")
    # An answer is activity of the kernel: silence must stay silent, or nobody's kernel is ever culled.
    assert panel.refreshed > 0
    assert len(panel.said) == 3


def test_a_table_answers_each_heartbeat_of_a_view_that_it_does_not_know_too(monkeypatch: pytest.MonkeyPatch) -> None:
    table = MemoryTable()
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(table, "send", said.append)
    table._on_message(table, {"type": "alive", "view": "v"}, [])
    assert said == [{"type": "here", "view": "v", "in_cell": False}, {"type": "reopen", "view": "v"}]
    table.close()


def test_what_is_refused_does_not_hold_up_what_the_user_asks_a_table_for_next() -> None:
    table = MemoryTable()
    done: list[str] = []

    def refuse() -> None:
        raise InvalidTask("too many")

    table._do(refuse)
    table._do(lambda: done.append("copied"))
    table._refresh()
    assert done == ["copied"]
    table.close()
