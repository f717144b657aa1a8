"""What the widgets of a kernel hear of their service, over one connection; and a table of its tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from stacks import eventually
from taskq_widgets import Overview, TaskTable
from taskq_widgets.live import live_tasks
from taskq_widgets.table.values import STATUSES

from taskq_kernel.client import operations
from taskq_kernel.client.feed import Changes, FeedState
from taskq_kernel.client.project import SentProject, open_project
from taskq_kernel.client.task_cache import TaskCache
from taskq_kernel.errors import ServiceError, ServiceUnreachable


class ScriptedService:
    """A client whose service says what a test wants: pages of tasks, and changes."""

    url = "http://127.0.0.1:1/graphql"
    closed = False

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.away = False
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.version = 10
        #: What it answers first when it is asked for statistics.
        self.answers: list[dict[str, Any]] = []
        self.feed = self
        self.transport = self
        self.state = FeedState("off", None)  # type: ignore[arg-type]
        self.listeners: list[tuple[Any, Any, Any]] = []
        self.extras: dict[str, Any] = {}
        self.cache = TaskCache(self, lambda ids: operations.get_many(self, ids, "id"))  # type: ignore[arg-type]

    def project(self, folder: str) -> SentProject:
        """The project in a folder, which nobody reads."""
        open_project(self, folder)  # type: ignore[arg-type]
        return SentProject("a" * 64)

    def subscribe(self, on_changes: Any, *, on_state: Any, on_retry: Any) -> Callable[[], None]:
        listener = (on_changes, on_state, on_retry)
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def on_changes(self, changes: Changes) -> None:
        """Tell changes."""
        for on_changes, _, _ in list(self.listeners):
            on_changes(changes)

    def on_retry(self) -> None:
        """Say that it tried to connect in vain."""
        for _, _, on_retry in list(self.listeners):
            on_retry()

    def start(self) -> None:
        pass

    def connect(self) -> None:
        """Let the feed begin."""
        self.on_changes(Changes(version=10, anew=True))
        self.enter("connected")

    def enter(self, name: str) -> None:
        self.state = FeedState(name, None, "gone")  # type: ignore[arg-type]
        for _, on_state, _ in list(self.listeners):
            on_state(self.state)

    def execute(self, query: str, variables: dict[str, Any] | None = None, **_: Any) -> dict[str, Any]:
        if self.away:
            raise ServiceUnreachable("away")
        if "me {" in query:
            return {"me": {"name": "ann", "role": "user"}}  # asked once, at a time of its own
        self.asked.append((query, variables or {}))
        if query.startswith("query Counts"):
            figures = {"totalCount": len(self.rows), "counts": self.counts()}
            return {"matching": figures, "everything": figures}
        if query.startswith("query Batches"):
            return {"batches": {"nodes": [], "totalCount": 0}}
        if "statistics" in query:
            return {"statistics": self.answers.pop(0) if self.answers else self.statistics()}
        if query.startswith("mutation"):
            return {f"{verb}Tasks": {"changed": len(self.rows), "tasks": []} for verb in ("cancel", "retry", "delete")}
        asked = variables or {}
        first = asked["last"] if asked.get("last") is not None else asked["first"]
        return {"tasks": {"nodes": self.rows[:first]}}


    def statistics(self) -> dict[str, Any]:
        """Where everything stands now."""
        busy = [row["status"] for row in self.rows].count("RUNNING")
        return {
            "counts": self.counts(), "slots": 2, "busy": busy, "workersOnline": 1, "finishedPerMinute": 0.0,
            "lastHour": [], "brokerConnected": True, "brokerBlocked": None, "unservedQueues": [], "outboxLength": 0,
            "version": self.version,
        }  # fmt: skip

    def counts(self) -> list[dict[str, Any]]:
        statuses = [row["status"] for row in self.rows]
        return [{"status": status, "count": statuses.count(status)} for status in STATUSES]


def row(number: int, status: str = "QUEUEING", version: int = 1) -> dict[str, Any]:
    return {
        "id": f"id-{number}", "number": number, "name": f"task {number}", "code": f"code {number}",
        "queue": "default", "priority": 1, "maxAttempts": 1, "owner": "ann", "batch": None,
        "attempt": 0, "arguments": {}, "createdAt": "2025-01-01T00:00:00+00:00", "status": status, "version": version,
    }  # fmt: skip


def told(number: int, status: str, version: int) -> dict[str, Any]:
    """What the feed says of a task: without what never changes."""
    return {"id": f"id-{number}", "number": number, "name": f"task {number}", "owner": "ann", "batch": None,
            "status": status, "version": version}  # fmt: skip


class Page:
    """A browser that looks at a table."""

    def __init__(self, table: TaskTable) -> None:
        self.table = table
        self.sent: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.names: dict[str, str] = {}
        table.send = self.take  # type: ignore[method-assign]
        self.say(type="open", first=0, count=20, query_count=0, selection_count=0, query=None)

    def say(self, **content: Any) -> None:
        self.table._on_message(self.table, {"view": "v", **content}, [])

    def take(self, content: dict[str, Any], buffers: Any = None) -> None:
        self.sent.append(content)
        self.ids = content.get("ids", self.ids)
        self.names |= {key: cells[1] for key, cells in content.get("rows", {}).items()}
        self.names |= {key: new for key, cells in content.get("cells", {}).items() for i, new in cells if i == 1}

    @property
    def shown(self) -> list[str]:
        return [self.names[one] for one in self.ids]


@pytest.fixture
def service() -> ScriptedService:
    return ScriptedService([row(3), row(2), row(1)])


def test_one_client_has_one_connection(service: ScriptedService) -> None:
    assert live_tasks(service) is live_tasks(service)  # type: ignore[arg-type]


def test_it_goes_on_by_itself_when_the_service_was_away(service: ScriptedService) -> None:
    live = live_tasks(service)  # type: ignore[arg-type]
    states: list[str] = []
    live.on_state(lambda state: states.append(state.name))
    service.connect()
    service.enter("away")
    service.enter("connected")
    assert states == ["loading", "ready", "away", "ready"]


def test_a_table_reads_what_is_in_sight_and_no_more(service: ScriptedService) -> None:
    table = TaskTable(service)  # type: ignore[arg-type]
    service.connect()
    assert service.asked == [], "nobody looks"
    page = Page(table)
    eventually(lambda: page.shown == ["task 3", "task 2", "task 1"], "the rows are there")
    assert table.state == "ready"
    windows = [asked for query, asked in service.asked if query.startswith("query Window")]
    assert [(asked["first"], asked["offset"]) for asked in windows] == [(20, 0)]
    table.close()


def test_a_change_of_a_row_in_sight_is_shown_and_a_new_task_read(service: ScriptedService) -> None:
    table = TaskTable(service)  # type: ignore[arg-type]
    service.connect()
    page = Page(table)
    eventually(lambda: len(page.shown) == 3, "the rows are there")
    service.away = True  # what follows needs no answer
    service.on_changes(Changes(version=11, tasks=[told(2, "RUNNING", 9) | {"name": "changed"}]))
    eventually(lambda: "changed" in page.shown, "the change is shown")
    service.away = False
    service.rows.insert(0, row(4))
    service.on_changes(Changes(version=12, tasks=[told(4, "QUEUEING", 12)]))
    eventually(lambda: page.shown[0] == "task 4", "the new task is there")
    table.close()


def test_a_table_of_a_batch_asks_for_that_batch_and_hears_of_no_other(service: ScriptedService) -> None:
    table = TaskTable(service, batch="b1")  # type: ignore[arg-type]
    service.connect()
    page = Page(table)
    eventually(lambda: len(page.shown) == 3, "the rows are there")
    assert all(asked["filter"]["batch"] == "b1" for query, asked in service.asked)
    heard: list[Changes] = []
    table.source.on_changes(heard.append)
    service.on_changes(Changes(version=11, tasks=[told(7, "RUNNING", 11)]))
    service.on_changes(Changes(version=12, tasks=[told(8, "RUNNING", 12) | {"batch": "b1"}]))
    assert [change.tasks[0]["number"] for change in heard] == [8]
    table.close()


def test_all_that_match_are_deleted_by_their_filter(service: ScriptedService) -> None:
    table = TaskTable(service, owner="ann")  # type: ignore[arg-type]
    service.connect()
    page = Page(table)
    eventually(lambda: len(page.shown) == 3, "the rows are there")
    page.say(type="select", op="all", ids=[], keep=False, selection_count=1)
    page.say(type="action", action="delete")
    eventually(lambda: any(query.startswith("mutation") for query, _ in service.asked), "they are deleted")
    ((query, asked),) = [(query, asked) for query, asked in service.asked if query.startswith("mutation")]
    assert "deleteTasks(filter: $filter) { changed }" in query
    assert asked == {"filter": {"owner": "ann", "createdBefore": "2025-01-01T00:00:00.000001+00:00"}}
    eventually(lambda: any(one.get("text") == "3 tasks deleted" for one in page.sent), "it is said")
    table.close()


def test_a_window_that_cannot_be_read_is_asked_for_again(service: ScriptedService) -> None:
    service.away = True
    table = TaskTable(service)  # type: ignore[arg-type]
    service.connect()
    page = Page(table)
    service.away = False
    eventually(lambda: len(page.shown) == 3, "the rows are there")
    table.close()


def test_a_question_that_the_service_refuses_is_told_once_in_the_place_of_the_table(
    service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskq_widgets.table.screen.RETRY_S", 0.1)
    ask = service.execute

    def refuse(query: str, variables: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        ask(query, variables, **options)
        raise ServiceError("batch 'none' is not a UUID", "BAD_INPUT")

    service.execute = refuse  # type: ignore[method-assign]
    table = TaskTable(service, batch="none")  # type: ignore[arg-type]
    service.connect()
    page = Page(table)
    eventually(lambda: table.state == "error", "it is told")
    assert table.message == "The tasks cannot be read: batch 'none' is not a UUID."
    asked = len(service.asked)
    eventually(lambda: len(service.asked) > asked, "it is asked again, now and then")
    assert [one for one in page.sent if one["type"] == "say"] == []
    table.close()


def test_rows_of_another_database_are_read_anew(service: ScriptedService) -> None:
    table = TaskTable(service)  # type: ignore[arg-type]
    service.connect()
    page = Page(table)
    eventually(lambda: len(page.shown) == 3, "the rows are there")
    service.rows = [row(9, version=0)]
    service.on_changes(Changes(version=1, anew=True, database="other"))
    eventually(lambda: page.shown == ["task 9"], "they are those of the other one")
    table.close()


def test_the_far_end_of_a_list_is_counted_from_there(service: ScriptedService) -> None:
    table = TaskTable(service)  # type: ignore[arg-type]
    table.source.rows(table.query, 990, 20, 1000)
    table.source.rows(table.query, 400, 20, 1000)
    table.source.rows(table.query, 5_000_000, 20, 9_000_000)
    asked = [(v.get("first"), v.get("last"), v["offset"]) for query, v in service.asked if "Window" in query]
    assert asked == [(None, 10, 0), (20, None, 400), (None, 20, 1_000_000)]
    table.close()


def test_running_tasks_and_busy_slots_are_always_of_one_answer(
    service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskq_widgets.overview.COUNT_S", 0.05)
    overview = Overview(service)  # type: ignore[arg-type]
    shown: list[tuple[int, int]] = []
    overview.send_state = lambda *_, **__: shown.append(  # type: ignore[method-assign]
        (overview.counts.get("RUNNING", 0), overview.figures.get("busy", 0))
    )
    overview._on_message(overview, {"type": "alive", "view": "v"}, [])
    service.connect()
    eventually(lambda: overview.counts.get("QUEUEING") == 3, "they are counted")
    for version, status in enumerate(["RUNNING", "FINISHED", "RUNNING", "FAILED"], 20):
        service.answers.append(service.statistics())  # what a service gives that has read it a moment before
        service.version, service.rows[0] = version, row(3, status)
        service.on_changes(Changes(version=version, tasks=[told(3, status, version)]))
        eventually(lambda status=status: overview.counts.get(status) == 1, f"it is {status}")
    assert {running - busy for running, busy in shown} == {0}
    assert len(set(shown)) == 2
    overview.close()


def test_the_overview_counts_what_the_service_counts(service: ScriptedService) -> None:
    overview = Overview(service)  # type: ignore[arg-type]
    overview._on_message(overview, {"type": "alive", "view": "v"}, [])
    service.connect()
    eventually(lambda: overview.counts.get("QUEUEING") == 3, "they are counted")
    service.rows.append(row(4))
    service.version = 12
    service.on_changes(Changes(version=12, tasks=[told(4, "QUEUEING", 12)]))
    eventually(lambda: overview.counts["QUEUEING"] == 4, "and again after a change")
    overview.close()
