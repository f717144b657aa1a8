"""The series that a task reports, as its panel shows them: curves, gaps, files, and when they are read."""

from __future__ import annotations

import math
from typing import Any

import pytest
from taskq_widgets.detail import TaskDetail
from taskq_widgets.panels import series
from taskq_widgets.panels.pictures import STRETCHES, curve
from taskq_widgets.panels.series import LEAST_S, PanelSeries
from test_widgets_detail import whole
from test_widgets_live import ScriptedService

from taskq_kernel.client import operations
from taskq_kernel.client.feed import Changes
from taskq_kernel.errors import ServiceUnreachable

LOSS = {"count": 4, "steps": [1, 2, 3, 4], "values": [2.5, None, 0.5, {"$float": "Infinity"}]}


def test_a_curve_stands_at_its_steps_with_gaps_where_there_is_no_number() -> None:
    made = curve("loss", 1000, [10.0, 20.0, 30.0, 50.0], [2.5, math.nan, 0.5, math.inf])
    assert made == {
        "kind": "line", "name": "loss", "count": 4, "steps": [10.0, 50.0], "low": 0.5, "high": 2.5,
        "points": [[10.0, 2.5], [20.0, None], [30.0, 0.5], [50.0, None]],
        "text": "1,000 reports; 1 is NaN or missing, and not drawn; 1 is infinite, and not drawn",
    }  # fmt: skip
    assert curve("loss", 1, [1.0], [math.nan]) is None
    assert curve("loss", 0, [], []) is None
    alone = curve("loss", 1, [7.0], [3.0])
    assert alone is not None
    assert (alone["points"], alone["text"]) == ([[7.0, 3.0]], "1 report")


def test_of_a_long_curve_every_peak_stays() -> None:
    values = [0.0] * 5000
    values[1234] = 9.0
    made = curve("energy", 10**6, [float(10 * at) for at in range(5000)], values)
    assert made is not None
    assert [12340.0, 9.0] in made["points"]
    assert len(made["points"]) <= 2 * STRETCHES


def test_the_file_has_all_points_with_every_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    third = {"count": 1, "steps": [0.5], "values": [1 / 3]}
    monkeypatch.setattr(operations, "get", lambda *_: {"series": {"loss": LOSS, "a, b": third}})
    shown = PanelSeries()
    task = {"id": "id-1", "attempt": 1, "version": 3}
    assert shown.due_in(task) == 0
    nobody: Any = None
    shown.read(nobody, task)
    assert [(one["name"], one["last"]) for one in shown.shown(task)] == [("loss", "Inf"), ("a, b", "0.3333")]
    # Those of another task are read at once, and are never taken for those of this one.
    another = {"id": "id-2", "attempt": 1, "version": 2}
    assert (shown.due_in(task), shown.due_in(another), shown.shown(another)) == (math.inf, 0, [])
    assert shown.csv().decode().splitlines() == [
        "series,step,value", "loss,1,2.5", "loss,2,nan", "loss,3,0.5", "loss,4,inf", '"a, b",0.5,0.3333333333333333',
    ]


def test_series_are_read_beside_the_result_when_their_task_changes_and_not_too_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(series.time, "monotonic", lambda: clock[0])
    client: Any = ScriptedService([])
    detail = TaskDetail(client)
    monkeypatch.setattr(detail, "_refresh_soon", lambda: None)
    asked: list[str] = []
    reported: dict[str, Any] = {"loss": LOSS}

    def get(_transport: Any, _id: str, fields: str) -> dict[str, Any]:
        asked.append(fields)
        return {"series": reported} if fields == "series" else whole("RUNNING", 5)

    monkeypatch.setattr(operations, "get", get)
    detail.show("id-1")
    detail._refresh()
    assert [one["name"] for one in detail.series] == ["loss"]
    assert detail.series_python.endswith(".task(1).series()")
    detail._refresh()
    assert asked.count("series") == 1

    def changed(version: int) -> None:
        row = {"id": "id-1", "status": "RUNNING", "attempt": 1, "version": version}
        client.on_changes(Changes(version, [row]))

    # When it changes again at once, they wait; and what is the same is not sent.
    sent: list[Any] = []
    detail.observe(sent.append, "series")
    changed(6)
    detail._refresh()
    assert asked.count("series") == 1
    clock[0] += LEAST_S
    assert detail._pause_s == 0.0
    detail._refresh()
    assert (asked.count("series"), sent) == (2, [])
    # Behind another tab they are not read.
    detail.tab = "code"
    changed(7)
    clock[0] += LEAST_S
    detail._refresh()
    assert asked.count("series") == 2
    # A service that is away is asked again.
    detail.tab = "result"

    def refuse(*_: Any) -> dict[str, Any]:
        asked.append("series")
        raise ServiceUnreachable("away")

    monkeypatch.setattr(operations, "get", refuse)
    detail._refresh()
    clock[0] += LEAST_S
    detail._refresh()
    assert asked.count("series") == 4
    assert [one["name"] for one in detail.series] == ["loss"]
