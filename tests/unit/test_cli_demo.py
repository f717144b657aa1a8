"""The demonstration: its tasks, its table, its verdict. The tasks themselves run in an acceptance test."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from client_lab import FakeService
from rich.console import Console

from taskq_kernel.client.batch import Batch
from taskq_kernel.demo import demo
from taskq_kernel.demo.demo import EXPECTED_FAILURES, TASKS, demo_tasks


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def batch(service: FakeService) -> Batch:
    """The demonstration's tasks, not started."""
    client = service.client()
    service.connect_feed()
    return client.submit_many({"code": one.code, "name": one.name} for one in demo_tasks())


def end_all(service: FakeService, batch: Batch) -> None:
    """Every task ends as it is meant to."""
    for one, task in zip(demo_tasks(), batch, strict=True):
        if one.expected_failure:
            service.fail(task.id, one.expected_failure)
        else:
            service.finish(task.id, 1)


def drawn(batch: Batch, width: int, height: int | None = None) -> list[str]:
    console = Console(width=width, force_terminal=True, color_system=None, file=io.StringIO())
    with console.capture() as capture:
        console.print(demo._table(batch, width, height))
    return capture.get().rstrip().splitlines()


def test_there_are_about_twenty_tasks_each_begins_with_what_it_computes() -> None:
    tasks = demo_tasks()
    assert len(tasks) == len(list(TASKS.glob("*.jl"))) >= 20
    assert set(EXPECTED_FAILURES) < {task.file for task in tasks}
    for task in tasks:
        assert re.match(r"# \S.{10,60}\n#\n# \S", task.code), task.file
        assert task.name in task.code.splitlines()[0]


@pytest.mark.parametrize("width", [80, 100, 150])
def test_each_task_has_one_line_and_its_status_is_whole(service: FakeService, batch: Batch, width: int) -> None:
    end_all(service, batch)
    service.change(batch[0].id, status="RUNNING", progress=0.5, progressMessage="half", worker="a-long-host-1234")
    service.change(batch[1].id, valueText="1.5\n" * 500)
    lines = drawn(batch, width)
    assert len(lines) == len(batch) + 2
    assert max(map(len, lines)) <= width
    for column in ("number", "name", "status", "progress", "value", "seconds", "worker"):
        assert column in lines[0]
    assert "RUNNING" in lines[2]
    assert "━" in lines[2]
    assert "half" in lines[2]
    assert "\n".join(lines).count("FINISHED") == len(batch) - len(EXPECTED_FAILURES) - 1
    assert "\n".join(lines).count("FAILED") == len(EXPECTED_FAILURES)


def test_in_a_low_terminal_those_that_are_done_make_room(service: FakeService, batch: Batch) -> None:
    for task in batch[:10]:
        service.finish(task.id, 1)
    lines = drawn(batch, 100, 20)
    assert len(lines) < 20
    assert "QUEUEING" in lines[-1]
    assert f"{batch[-1].number} " in lines[-1]


def test_when_exactly_the_expected_ones_fail_the_exit_code_is_0(
    service: FakeService, batch: Batch, capfd: pytest.CaptureFixture[str]
) -> None:
    end_all(service, batch)
    demo._watch(batch)
    assert demo._report(demo_tasks(), batch, 12.3) == 0
    out = capfd.readouterr().out
    assert out.count("FINISHED") == len(batch) - 3
    assert "failed with DomainError:\n  with -1.0\n  [1] sqrt" in out
    assert f"{len(batch)} tasks in 12.3 s: {len(batch) - 3} finished, 3 failed\nThose that failed were meant to." in out


OOPS = {"name": "Oops", "message": "", "stacktrace": "", "line": None}


@pytest.mark.parametrize(
    ("index", "change", "says"),
    [
        (
            0,
            {"status": "FAILED", "error": {"name": "Oops", "message": "", "stacktrace": "", "line": None}},
            "with Oops",
        ),
        (0, {"status": "CANCELLED", "error": None}, "not meant to fail with CANCELLED"),
        (2, {"status": "FINISHED", "valueKind": "JSON", "error": None}, "ought to have failed with DomainError"),
    ],
)
def test_any_surprise_is_told_and_exit_code_1(
    service: FakeService, batch: Batch, capfd: pytest.CaptureFixture[str], index: int, change: dict[str, Any], says: str
) -> None:
    end_all(service, batch)
    service.change(batch[index].id, **change)
    assert demo._report(demo_tasks(), batch, 1.0) == 1
    assert says in capfd.readouterr().err
