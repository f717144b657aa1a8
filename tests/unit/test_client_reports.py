"""What a task reports of itself in Python: series of numbers, and where its time went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from client_fixtures import q, service
from client_lab import FakeService

from taskq_kernel.client.client import Client
from taskq_kernel.client.task import Task
from taskq_kernel.client.timing import Timing

__all__ = ["q", "service"]

SERIES = {
    "loss": {"count": 1_000_000, "steps": [1, 5, 9], "values": [4.0, None, 0.5]},
    "rate": {"count": 2, "steps": [1, 2], "values": [{"$float": "Infinity"}, 2.0]},
}


def test_series_are_a_frame_and_one_of_them_is_a_curve(service: FakeService, q: Client) -> None:
    task = q.submit("report(1; loss = 2)")
    assert task.series().empty
    service.change(task.id, series=SERIES)
    frame = task.series()
    assert frame.dtypes.astype(str).to_dict() == {"series": "category", "step": "int64", "value": "float64"}
    assert list(frame["series"]) == ["loss"] * 3 + ["rate"] * 2
    curve = task.series("loss")
    assert (curve.name, list(curve.index), list(curve.dropna())) == ("loss", [1, 5, 9], [4.0, 0.5])
    assert list(task.series("rate")) == [float("inf"), 2.0]
    with pytest.raises(KeyError, match=r"has no series 'energy'; it has loss, rate"):
        task.series("energy")


def timed(service: FakeService, task: Task, *, waited_s: float, seconds: float, **timing: Any) -> Timing:
    """The timing of a task that was retried an hour after its submission, waited, and ended."""
    told = {"prepare_s": 0.0, "compile_s": 0.0, "gc_s": 0.0, "encode_s": 0.0, "allocated_bytes": 1 << 20} | timing
    began = datetime(2026, 1, 1, 1, 0, tzinfo=UTC) + timedelta(seconds=waited_s)
    history = [
        {"status": "QUEUEING", "at": "2026-01-01T00:00:00Z"}, {"status": "RUNNING", "at": "2026-01-01T00:30:00Z"},
        {"status": "QUEUEING", "at": "2026-01-01T01:00:00Z"}, {"status": "RUNNING", "at": began.isoformat()},
    ]  # fmt: skip
    service.finish(
        task.id, 1, createdAt="2026-01-01T00:00:00Z", startedAt=began.isoformat(), seconds=seconds, timing=told,
        history=history,
    )
    found = task.timing()
    assert found is not None
    return found


def test_a_timing_adds_up_and_waiting_is_that_of_the_latest_attempt(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    assert task.timing() is None
    timing = timed(service, task, waited_s=2, seconds=4, compile_s=1, gc_s=0.5, prepare_s=0.25, encode_s=0.25)
    assert timing == Timing(2, 0.25, 1, 2.5, 0.5, 0.25, 1 << 20)
    assert timing.total_s == 6.5
    assert timing.advice == ""
    started = timed(service, task, waited_s=2, seconds=4, compile_s=1, ready_s=1.5)
    assert (started.waiting_s, started.starting_s, started.total_s) == (0.5, 1.5, 6)
    assert str(started).startswith("waiting 500 ms, starting 1.5 s, compiling 1 s")
    old = timed(service, task, waited_s=2, seconds=4, compile_s=None)
    assert (old.compiling_s, old.running_s, "compiling" in old.parts) == (None, 4, False)


def test_a_timing_is_printed_as_people_read_it(service: FakeService, q: Client) -> None:
    timing = timed(service, q.submit("1"), waited_s=0.02, seconds=2.5, compile_s=2, gc_s=0.25)
    parts, advice = str(timing).split("\n")
    assert parts == "compiling 2 s, running 250 ms, garbage collection 250 ms"
    assert advice == timing.advice
    assert str(timed(service, q.submit("1"), waited_s=0, seconds=0.05)) == "running 50 ms"


@pytest.mark.parametrize(
    ("spent", "said"),
    [
        ({"waited_s": 9, "seconds": 1}, "It waited longer"),
        ({"waited_s": 9, "seconds": 1, "ready_s": 8.5}, "later tasks with the same project"),
        ({"waited_s": 2, "seconds": 2, "ready_s": 2, "compile_s": 1.5}, "compiling: as a definition"),
        ({"waited_s": 0, "seconds": 2, "compile_s": 1.5}, "compiling: as a definition"),
        ({"waited_s": 0, "seconds": 1, "prepare_s": 2}, "evaluating its definition"),
        ({"waited_s": 0, "seconds": 1, "encode_s": 1}, "return a summary"),
        ({"waited_s": 0, "seconds": 2, "gc_s": 1}, "collecting garbage"),
        ({"waited_s": 0.05, "seconds": 0.01}, ""),
    ],
)
def test_where_one_share_is_large_one_sentence_says_what_to_do(
    service: FakeService, q: Client, spent: dict[str, float], said: str
) -> None:
    advice = timed(service, q.submit("1"), **spent).advice
    assert said in advice
    assert bool(advice) == bool(said)
