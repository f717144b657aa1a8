"""The tasks that a test's table holds itself, read while they are changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import memory_tasks
import pytest
from memory_tasks import MemoryTasks
from taskq_widgets import Query


def task(number: int) -> dict[str, Any]:
    return {"id": str(number), "number": number, "version": number}


def test_what_comes_while_the_tasks_are_put_in_order_is_among_them_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, newest = MemoryTasks(), Query(points=True)
    model.upsert([task(1)])
    value_of = memory_tasks._value_of

    def value_while_one_comes(sort: str) -> Callable[[dict[str, Any]], Any]:
        def value(one: dict[str, Any]) -> Any:
            if "2" not in model.tasks:
                model.upsert([task(2)])
            return value_of(sort)(one)

        return value

    monkeypatch.setattr(memory_tasks, "_value_of", value_while_one_comes)
    model.rows(newest, 0, 10, None)
    assert [one["number"] for one in model.rows(newest, 0, 10, None)] == [2, 1]
