"""The live tasks: what is read and what the feed brings become one set, in whichever order they come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from taskq_widgets.live import LiveTasks, live_tasks

from taskq_kernel.client.feed import Changes, FeedState
from taskq_kernel.errors import ServiceUnreachable


def eventually(probe: Callable[[], Any], what: str, timeout_s: float = 10.0) -> None:
    """Wait until ``probe()`` is true."""
    deadline = time.monotonic() + timeout_s
    while not probe():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.005)


class ScriptedService:
    """A client whose service says what a test wants: pages of tasks, and changes."""

    url = "http://127.0.0.1:1/graphql"
    closed = False

    def __init__(self, rows: list[dict[str, Any]], page_size: int = 2) -> None:
        self.rows = rows
        self.page_size = page_size
        self.away = False
        self.asked: list[str] = []
        self.hold = threading.Event()
        self.hold.set()
        self.feed = self
        self._transport = self
        self.state = FeedState("off", None)  # type: ignore[arg-type]

    def subscribe(self, on_changes: Any, *, on_state: Any, on_retry: Any) -> Callable[[], None]:
        self.on_changes, self.on_state, self.on_retry = on_changes, on_state, on_retry
        return lambda: None

    def start(self) -> None:
        pass

    def connect(self) -> None:
        """Let the feed begin."""
        self.on_changes(Changes(version=10, anew=True))
        self.enter("connected")

    def enter(self, name: str) -> None:
        self.state = FeedState(name, None, "gone")  # type: ignore[arg-type]
        self.on_state(self.state)

    def execute(self, query: str, variables: dict[str, Any] | None = None, **_: Any) -> dict[str, Any]:
        self.hold.wait(10)
        if self.away:
            raise ServiceUnreachable("away")
        self.asked.append(query)
        variables = variables or {}
        wanted = variables["filter"].get("ids")
        rows = self.rows if wanted is None else [row for row in self.rows if row["id"] in wanted]
        start = int(variables.get("after") or 0)
        nodes = rows[start : start + self.page_size] if wanted is None else rows
        end = start + len(nodes)
        info = {"hasNextPage": wanted is None and end < len(rows), "endCursor": str(end)}
        if wanted is not None:
            nodes = [{name: row[name] for name in ("id", "code", "queue", "createdAt")} for row in nodes]
        return {"tasks": {"nodes": nodes, "pageInfo": info}}


def row(number: int, status: str = "QUEUEING", version: int = 1) -> dict[str, Any]:
    return {
        "id": f"id-{number}", "number": number, "name": f"task {number}", "code": f"code {number}",
        "queue": "default", "priority": 1, "maxAttempts": 1, "owner": "ann", "batch": None,
        "createdAt": "2025-01-01T00:00:00+00:00", "status": status, "version": version,
    }  # fmt: skip


def told(number: int, status: str, version: int) -> dict[str, Any]:
    """What the feed says of a task: without what never changes."""
    return {"id": f"id-{number}", "number": number, "name": f"task {number}", "owner": "ann", "batch": None,
            "status": status, "version": version}  # fmt: skip


def statuses(live: LiveTasks) -> dict[str, str]:
    frame = live.model.frame()
    return dict(zip(frame["id"], frame["status"].astype(str), strict=True))


@pytest.fixture
def service() -> ScriptedService:
    return ScriptedService([row(3), row(2), row(1)])


def test_all_tasks_are_there_after_all_pages_are_read(service: ScriptedService) -> None:
    live = live_tasks(service)  # type: ignore[arg-type]
    service.connect()
    eventually(lambda: len(live.model) == 3, "all are read")
    assert live.state.name == "ready"


def test_one_client_has_one_live_set(service: ScriptedService) -> None:
    assert live_tasks(service) is live_tasks(service)  # type: ignore[arg-type]


def test_a_change_that_is_told_before_its_row_is_read_is_not_overwritten(service: ScriptedService) -> None:
    live = live_tasks(service)  # type: ignore[arg-type]
    service.hold.clear()
    service.connect()
    service.on_changes(Changes(12, [told(2, "RUNNING", 12)]))
    service.hold.set()
    eventually(lambda: len(live.model) == 3, "all are read")
    eventually(lambda: "code 2" in set(live.model.frame()["code"]), "the fixed part is read")
    assert statuses(live)["id-2"] == "RUNNING"


def test_a_task_that_is_deleted_while_everything_is_read_stays_away(service: ScriptedService) -> None:
    live = live_tasks(service)  # type: ignore[arg-type]
    service.hold.clear()
    service.connect()
    service.on_changes(Changes(12, [], ["id-2"]))
    service.hold.set()
    eventually(lambda: len(live.model) == 2, "the others are read")
    assert "id-2" not in live.model


def test_a_new_task_gets_its_code_once(service: ScriptedService) -> None:
    live = live_tasks(service)  # type: ignore[arg-type]
    service.connect()
    eventually(lambda: len(live.model) == 3, "all are read")
    service.rows.insert(0, row(4))
    service.on_changes(Changes(13, [told(4, "QUEUEING", 13)]))
    eventually(lambda: "code 4" in set(live.model.frame()["code"]), "the code is read")
    asked = len(service.asked)
    service.on_changes(Changes(14, [told(4, "RUNNING", 14)]))
    assert statuses(live)["id-4"] == "RUNNING"
    assert len(service.asked) == asked


def test_it_goes_on_by_itself_when_the_service_was_away(service: ScriptedService) -> None:
    live = live_tasks(service)  # type: ignore[arg-type]
    service.connect()
    eventually(lambda: len(live.model) == 3, "all are read")
    service.enter("away")
    assert live.state.name == "away"
    service.on_changes(Changes(15, [told(1, "FINISHED", 15)]))
    service.enter("connected")
    assert live.state.name == "ready"
    assert statuses(live)["id-1"] == "FINISHED"


def test_a_page_that_cannot_be_read_is_asked_for_again(service: ScriptedService) -> None:
    live = live_tasks(service)  # type: ignore[arg-type]
    service.away = True
    service.connect()
    eventually(lambda: live.state.name == "away", "it says so")
    service.away = False
    eventually(lambda: len(live.model) == 3, "all are read")
    assert live.state.name == "ready"


def test_tasks_that_are_gone_when_the_feed_starts_anew_are_dropped(service: ScriptedService) -> None:
    live = live_tasks(service)  # type: ignore[arg-type]
    service.connect()
    eventually(lambda: len(live.model) == 3, "all are read")
    service.rows = [row(9)]
    service.connect()
    eventually(lambda: set(statuses(live)) == {"id-9"}, "the new set is there")


def test_rows_of_another_database_replace_all_that_were_there(service: ScriptedService) -> None:
    service.rows = [row(number, version=9) for number in (3, 2, 1)]
    live = LiveTasks(service)  # type: ignore[arg-type]
    live.on_state(lambda _: None)
    live.start()
    service.on_changes(Changes(version=10, anew=True, database="one"))
    service.enter("connected")
    eventually(lambda: len(live.model) == len(service.rows), "all are there")
    service.rows = [service.rows[0] | {"version": 1, "name": "of the other one"}]
    service.on_changes(Changes(version=10, anew=True, database="other"))
    eventually(lambda: names(live) == ["of the other one"], "those of the other one are there")


def names(live: LiveTasks) -> list[str]:
    return list(live.model.frame()["name"])


def test_a_subset_holds_what_matches_and_follows_it(service: ScriptedService) -> None:
    service.rows[0]["batch"] = "b"
    live = live_tasks(service)  # type: ignore[arg-type]
    subset = live.subset({"batch": "b"})
    service.connect()
    eventually(lambda: len(live.model) == 3, "all are read")
    assert list(subset.frame()["id"]) == ["id-3"]
    service.on_changes(Changes(20, [told(3, "RUNNING", 20) | {"batch": "b"}, told(2, "RUNNING", 20)]))
    assert [str(status) for status in subset.frame()["status"]] == ["RUNNING"]
