"""The task that is shown is the newest there is, whatever comes first."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stacks import eventually
from taskq_widgets.detail import TaskDetail
from test_widgets_live import ScriptedService, row

from taskq_kernel.client import operations
from taskq_kernel.client.feed import Changes
from taskq_kernel.errors import NotFound, ServiceUnreachable, TaskqError


def whole(status: str, version: int) -> dict[str, Any]:
    """A task with all its fields."""
    fields = (
        "valueKind valueType valueText valueNote valueRef valueSize value error worker seconds startedAt finishedAt "
        "series"
    )
    rest = dict.fromkeys([*fields.split(), "progress", "progressMessage", "timeoutSeconds", "memoryLimit", "entry"])
    return rest | row(1, status, version) | {"arguments": {}, "attempt": int(version > 1), "lost": 0, "history": []}


@pytest.fixture
def detail(monkeypatch: pytest.MonkeyPatch) -> TaskDetail:
    shown = TaskDetail(ScriptedService([]))  # type: ignore[arg-type]
    monkeypatch.setattr(shown, "_refresh_soon", lambda: None)  # the test refreshes it by itself
    return shown


def answers(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], dict[str, Any]]) -> None:
    monkeypatch.setattr(operations, "get", lambda *_: answer())


def tell(detail: TaskDetail, changes: Changes) -> None:
    """Let the feed tell changes."""
    detail._live.client.on_changes(changes)  # type: ignore[attr-defined]


def test_a_change_that_is_told_while_the_task_is_read_is_not_lost(
    detail: TaskDetail, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> dict[str, Any]:
        tell(detail, Changes(5, [{"id": "id-1", "status": "RUNNING", "attempt": 1, "version": 5}]))
        return whole("QUEUEING", 1)

    answers(monkeypatch, read)
    detail.show("id-1")
    detail._refresh()
    assert detail.head["status"] == "RUNNING"
    answers(monkeypatch, lambda: whole("RUNNING", 5))
    detail._refresh()
    assert not detail._stale


def test_a_tab_that_is_chosen_while_the_task_is_read_stays(
    detail: TaskDetail, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, lambda: whole("FINISHED", 2))
    monkeypatch.setattr(detail, "_read_log", lambda _data: None)
    detail.show("id-1")
    readers: list[threading.Thread] = []

    def read_beside(_change: Any) -> None:
        reader = threading.Thread(target=detail._refresh)
        readers.append(reader)
        detail.unobserve(read_beside, "tab")
        reader.start()
        reader.join(1.0)  # as far as it comes while the tab is being chosen

    detail.observe(read_beside, "tab")
    detail._on_tab({"tab": "log"})
    for reader in readers:
        reader.join(30)
    assert (len(readers), detail.state, detail.tab) == (1, "ready", "log")


def test_a_task_that_is_deleted_while_it_is_read_is_gone(detail: TaskDetail, monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> dict[str, Any]:
        tell(detail, Changes(5, [], ["id-1"]))
        return whole("QUEUEING", 1)

    def refuse() -> dict[str, Any]:
        raise NotFound("no task has the id id-1", "NOT_FOUND")

    answers(monkeypatch, read)
    detail.show("id-1")
    detail._refresh()
    assert detail._stale
    answers(monkeypatch, refuse)
    detail._refresh()
    assert detail.state == "gone"


def test_progress_is_taken_over_without_reading_again(detail: TaskDetail, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, lambda: whole("RUNNING", 5))
    detail.show("id-1")
    detail._refresh()
    tell(detail,
        Changes(6, [{"id": "id-1", "status": "RUNNING", "attempt": 1, "version": 6, "progress": 0.5}])
    )
    assert not detail._stale
    detail._refresh()
    assert detail.head["progress"] == 0.5


def test_a_failed_task_opens_at_its_error(detail: TaskDetail, monkeypatch: pytest.MonkeyPatch) -> None:
    error = {"name": "DomainError", "message": "with -1.0", "stacktrace": "In the task's code:\n  task:1  f", "line": 1}
    answers(monkeypatch, lambda: whole("FAILED", 9) | {"error": error})
    detail.show("id-1")
    detail._refresh()
    assert detail.tab == "error"
    assert detail.problem["trace"][0]["heading"] == "In the task's code"


@pytest.mark.parametrize("refusal", [NotFound("no task has the id id-1", "NOT_FOUND"), ServiceUnreachable("away")])
def test_a_task_that_cannot_be_read_does_not_gather_what_changes_elsewhere(
    detail: TaskDetail, monkeypatch: pytest.MonkeyPatch, refusal: TaskqError
) -> None:
    def refuse() -> dict[str, Any]:
        raise refusal

    answers(monkeypatch, refuse)
    detail.show("id-1")
    detail._refresh()
    for version in range(10, 110):
        tell(detail, Changes(version, [{"id": f"id-{version}", "status": "RUNNING", "version": version}]))
    assert detail._live.client.cache._meanwhile == {}


def show(detail: TaskDetail, **content: Any) -> None:
    """A page that was reloaded says what was open on it."""
    detail._on_message(detail, {"type": "show", "view": "v", **content}, [])


def test_a_page_comes_back_to_its_task_and_tab(detail: TaskDetail, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, lambda: whole("FAILED", 9))
    show(detail, id="id-1", tab="history")
    detail._refresh()
    assert (detail.head["id"], detail.tab, detail.recalls) == ("id-1", "history", True)


def test_a_page_does_not_come_back_to_a_task_that_is_gone_nor_over_one_that_is_open(
    detail: TaskDetail, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> dict[str, Any]:
        raise NotFound("no task has the id id-9", "NOT_FOUND")

    answers(monkeypatch, refuse)
    show(detail, id="id-9", tab="no such tab")
    detail._refresh()
    assert (detail.state, detail.tab) == ("empty", "result")
    answers(monkeypatch, lambda: whole("FINISHED", 9))
    detail.show("id-1")
    show(detail, id="id-9")
    detail._refresh()
    assert detail.head["id"] == "id-1"


def test_a_part_that_was_given_its_task_keeps_to_it() -> None:
    detail = TaskDetail(ScriptedService([]), "id-1")  # type: ignore[arg-type]
    assert not detail.recalls
    detail.close()


class Retried:
    """A client with one task; a retry of it gives the task with the id ``gives``."""

    def __init__(self, gives: str) -> None:
        self.id = "id-1"
        self.gives = gives
        self.retries = 0
        self.may_answer = threading.Event()

    def task(self, task_id: str) -> Retried:
        assert task_id == self.id
        return self

    def retry(self) -> SimpleNamespace:
        self.retries += 1
        assert self.may_answer.wait(10)
        return SimpleNamespace(id=self.gives)


@pytest.mark.parametrize(("status", "gives"), [("FINISHED", "id-2"), ("FAILED", "id-1")])
def test_what_has_finished_is_run_again_as_a_new_task_which_is_shown_and_other_tasks_stay(
    detail: TaskDetail, monkeypatch: pytest.MonkeyPatch, status: str, gives: str
) -> None:
    answers(monkeypatch, lambda: whole(status, 9))
    detail.show("id-1")
    detail._refresh()
    client = Retried(gives)
    monkeypatch.setattr(detail._live, "client", client)
    for _ in range(2):  # whoever clicks twice wants it once
        detail._on_message(detail, {"type": "act", "view": "v", "action": "retry"}, [])
    client.may_answer.set()
    eventually(lambda: not detail._acting, "it is done")
    assert (client.retries, detail._id) == (1, gives)


def test_the_task_whose_value_it_has_is_named_and_opened(detail: TaskDetail, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, lambda: whole("FINISHED", 9) | {"cachedFrom": 3})
    detail.show("id-1")
    detail._refresh()
    assert detail.head["cachedFrom"] == 3
    detail._on_message(detail, {"type": "open", "view": "v", "id": "3"}, [])
    assert (detail._id, detail.state) == ("3", "loading")


def finished(value: Any, **given: Any) -> dict[str, Any]:
    return whole("FINISHED", 9) | {"value": value, "valueKind": "JSON", "valueText": "", "valueType": "X", **given}


def test_all_of_a_value_is_shown_when_it_is_asked_for_and_of_the_next_task_the_beginning(
    detail: TaskDetail, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, lambda: finished(list(range(20_000))))
    detail.show("id-1")
    detail._refresh()
    assert detail.result["more"]
    assert "of 128,890 characters" in detail.result["note"]

    detail._receive({"type": "whole", "view": "v"})
    detail._refresh()
    assert detail.result["text"].endswith(", 19998, 19999]")
    assert "more" not in detail.result

    detail.show("id-1")
    detail._refresh()
    assert detail.result["more"]


def test_another_slice_of_a_large_array_is_shown_without_reading_it_again(
    detail: TaskDetail, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []

    def get_blob(ref: str) -> bytes:
        reads.append(ref)
        return b"[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]"

    detail._live.client.transport.get_blob = get_blob  # type: ignore[method-assign]
    answers(monkeypatch, lambda: finished(None, valueRef="ref", valueSize=36))
    detail.show("id-1")
    detail._refresh()
    assert detail.result["rows"] == [["1", "1", "3"], ["2", "5", "7"]]

    detail._receive({"type": "slice", "at": 1, "view": "v"})
    detail._refresh()
    assert detail.result["slices"]["name"] == "[:, :, 2]"
    assert detail.result["rows"] == [["1", "2", "4"], ["2", "6", "8"]]
    assert reads == ["ref"]


def test_a_large_array_of_numbers_is_shown_as_any_other(detail: TaskDetail, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    np.save(file, np.asarray([[1.5, np.nan], [2.5, 3.5]], order="F"))
    detail._live.client.transport.get_blob = lambda _: file.getvalue()  # type: ignore[method-assign]
    answers(monkeypatch, lambda: finished(None, valueKind="ARRAY", valueRef="ref", valueSize=160))
    detail.show("id-1")
    detail._refresh()
    assert detail.result["rows"] == [["1", "1.5", "NaN"], ["2", "2.5", "3.5"]]


def test_a_task_that_waits_says_why_and_is_asked_again(detail: TaskDetail, monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = [
        {"kind": "BUSY", "sentence": f"all 2 slots are busy, and {ahead} tasks are ahead of it", "ahead": ahead,
         "since": "1970-01-01T00:01:00+00:00", "until": None, "needs": None}
        for ahead in (4, 3, 3)
    ]  # fmt: skip
    answers(monkeypatch, lambda: whole("QUEUEING", 1) | {"why": reasons.pop(0)})
    detail.show("id-1")
    detail._refresh()
    assert detail.result == {
        "form": "waits", "text": "all 2 slots are busy, and 4 tasks are ahead of it", "since": 60.0, "until": None,
        "needs": None,
    }  # fmt: skip
    detail._refresh()
    assert detail.result["text"] == "all 2 slots are busy, and 3 tasks are ahead of it"
    sent: list[Any] = []
    detail.observe(sent.append)
    detail._refresh()
    assert (reasons, sent) == ([], [])


def test_the_task_that_another_one_waits_for_is_opened_from_there(
    detail: TaskDetail, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(operations, "get", lambda _transport, task, *_: (asked.append(task), whole("FINISHED", 9))[1])
    detail._on_message(detail, {"type": "open", "view": "v", "id": "6"}, [])
    detail._refresh()
    assert asked[0] == "6"


def test_a_task_that_was_left_while_its_series_were_read_does_not_come_back(
    detail: TaskDetail, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, lambda: whole("RUNNING", 2))
    detail.show("id-1")
    monkeypatch.setattr(detail._series, "due_in", lambda _data: 0.0)
    monkeypatch.setattr(detail._series, "read", lambda *_: detail.show("id-2"))
    detail._refresh()
    assert (detail.state, detail.head) == ("loading", {})
