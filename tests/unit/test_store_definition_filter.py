"""The tasks that call a definition, found by it."""

from __future__ import annotations

from typing import Any

import pytest
from store_lab import EVERYTHING, Lab
from store_plans import plan

from taskq_kernel.store import create, definitions
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.records import select_tasks
from taskq_kernel.store.submission import check_all, check_definition

pytest_plugins = ["store_fixtures"]


def define(lab: Lab, code: str, entry: str) -> str:
    given = check_definition({"code": code, "entry": entry}, "input")
    return str(lab.store.write(definitions.register_definition, given, "ann").id)


def submit(lab: Lab, definition: str) -> list[Any]:
    new = check_all([{"definition": definition}])
    return lab.store.write(create.create_tasks, new, "ann", EVERYTHING)[0]


def test_tasks_are_found_by_what_they_call_and_by_an_index(lab: Lab) -> None:
    both = "f() = 1; g() = 2"
    f, g = define(lab, both, "f"), define(lab, both, "g")
    made = {one: submit(lab, one) + submit(lab, one) for one in (f, g)}
    lab.submit(both)
    for one in (f, g):
        clauses = TaskFilter(definition=one).clauses(lab.store.reader.dialect.name)
        query = select_tasks(EVERYTHING - {"code"}).where(*clauses)
        with lab.store.reader.begin() as conn:
            found = [row.number for row in conn.execute(query)]
            if conn.dialect.name == "sqlite":
                text = str(query.compile(conn.engine, compile_kwargs={"literal_binds": True}))
                assert any("ix_tasks_source" in line for line in plan(conn, text, ()))
        assert found == [task.number for task in made[one]]


@pytest.mark.parametrize("kind", ["definition", "batch", "owner", "queue", "worker"])
def test_a_filter_by_a_text_that_no_database_holds_finds_nothing(lab: Lab, kind: str) -> None:
    lab.submit()
    clauses = TaskFilter(**{kind: "\0"}).clauses(lab.store.reader.dialect.name)
    with lab.store.reader.begin() as conn:
        assert conn.execute(select_tasks(frozenset({"number"})).where(*clauses)).all() == []
