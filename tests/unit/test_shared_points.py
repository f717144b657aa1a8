"""The points of a shared batch are read some at a time, however long each of them is."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from store_lab import Lab

from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.shared import batch_handlers, points
from taskq_kernel.service.shared.batch_page import batch_page
from taskq_kernel.service.shared.points import every_point, first_points
from taskq_kernel.service.shared.reading import BatchRead, read_batch
from taskq_kernel.service.shared.task_page import Place
from taskq_kernel.service.shared.visitors import Visitor
from taskq_kernel.store.rows import TaskRow
from taskq_kernel.store.shares import Target
from taskq_kernel.store.sight import Sight

pytest_plugins = ["store_fixtures"]
pytestmark = pytest.mark.parametrize("lab", ["sqlite"], indirect=True)


def together(lab: Lab, count: int, length: int = 0, **arguments: Any) -> BatchRead:
    """Tasks that were submitted together, each with a text of so many characters among its arguments."""
    batch = str(uuid4())
    lab.submit(*["1"] * count, batch=batch, arguments={"text": "x" * length, **arguments})
    return lab.store.read(read_batch, batch, Sight("ann"), 1, lab.clock.now)


def in_steps(lab: Lab, read: BatchRead, **limit: Any) -> list[Sequence[TaskRow]]:
    async def act() -> list[Sequence[TaskRow]]:
        return [rows async for rows in every_point(AsyncStore(lab.store), read, **limit)]

    return asyncio.run(act())


def file_of(lab: Lab, read: BatchRead, suffix: str) -> bytes:
    """All points as a file."""
    async def act() -> bytes:
        request: Any = SimpleNamespace(path_params={"suffix": suffix})
        runtime: Any = SimpleNamespace(store=AsyncStore(lab.store), blobs=None)
        response: Any = await batch_handlers.points(request, runtime, Visitor(), Target("ann", batch=read.id))
        return b"".join([part async for part in response.body_iterator])

    return asyncio.run(act())


def test_every_point_comes_once_in_order_whatever_their_length(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "_CHARACTERS", 20_000)
    for length, most in ((0, 250), (1_000, 100), (30_000, 100)):
        read = together(lab, 250, length)
        steps = in_steps(lab, read)
        numbers = [row.number for rows in steps for row in rows]
        assert (len(numbers), numbers) == (250, sorted(set(numbers)))
        assert max(len(rows) for rows in steps) <= most
    assert {len(rows) for rows in steps[1:]} == {1}
    assert [len(rows) for rows in in_steps(lab, read, limit=102)] == [100, 1, 1]


def test_a_picture_is_made_of_no_more_than_is_read_quickly_and_says_so(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "_CHARACTERS", 20_000)
    monkeypatch.setattr(points, "PAGE_CHARACTERS", 150_000)
    read = together(lab, 250, 1_000)
    drawn = asyncio.run(first_points(AsyncStore(lab.store), read, 20_000))
    assert 150 <= len(drawn) < 250
    note = batch_page(read, drawn, Place(read.id, None, None), 1)["drawn_note"]
    assert note == f"The picture is made of the first {len(drawn):,} points."


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_a_file_of_all_points_is_made_beside_the_event_loop(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    read, in_the_loop = together(lab, 3, 10), []

    def noted(make: Callable[..., Any]) -> Callable[..., Any]:
        def make_and_note(*given: Any) -> Any:
            in_the_loop.append(threading.current_thread() is threading.main_thread())
            return make(*given)

        return make_and_note

    for name in ("export_rows", "names_in"):
        monkeypatch.setattr(batch_handlers, name, noted(getattr(batch_handlers, name)))

    assert file_of(lab, read, suffix).count(b"QUEUEING") == 3
    assert in_the_loop == [False, False]


def test_no_column_of_a_file_hides_an_argument_of_its_name(lab: Lab) -> None:
    read = together(lab, 1, seed=7, status="hot", number=8)
    [point] = json.loads(file_of(lab, read, "json"))
    assert {name: point[name] for name in ("seed", "status", "number")} == {"seed": 7, "status": "hot", "number": 8}
    assert (point["number_"], point["status_"]) == (read.points[0].number, "QUEUEING")
    head, row = file_of(lab, read, "csv").decode().splitlines()
    assert dict(zip(head.split(","), row.split(","), strict=True))["number"] == "8"
