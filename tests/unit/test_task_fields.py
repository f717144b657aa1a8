"""A task's fields in one place: what is in the table is in every place that handles whole tasks."""

from __future__ import annotations

from typing import get_type_hints

import pytest
from graphql import GraphQLNonNull, GraphQLObjectType
from made_up_fields import with_made_up

from taskq_kernel.client import operations
from taskq_kernel.client.task import Task
from taskq_kernel.service.schema import fields
from taskq_kernel.service.schema.build import build_schema
from taskq_kernel.store.rows import TaskRow
from taskq_kernel.store.submission import NewTask
from taskq_kernel.store.tables import tasks
from taskq_kernel.task_fields import ERROR_FIELDS, TASK_FIELDS, Of, TaskField


def test_a_new_field_is_in_every_selection_of_the_client_that_its_line_names() -> None:
    told = with_made_up("""
from taskq_kernel.client import creating, operations as o, task_cache
print(json.dumps({name: getattr(o, name).split() for name in ("TASK", "ROW", "ALL", "FEED", "CREATED", "FRAME")} | {
    "fixed": sorted(task_cache.FIXED), "untouched": list(creating._UNTOUCHED), "unsaid": list(creating._UNSAID)}))
""")
    assert isinstance(told, dict)
    assert {name for name, words in told.items() if "moodToday" in words} == {
        "TASK", "ROW", "ALL", "FEED", "CREATED", "FRAME", "untouched",
    }
    assert {name for name, words in told.items() if "toolBox" in words} == {"TASK", "ALL", "fixed", "unsaid"}


def test_a_new_field_is_in_the_schema_and_written_from_its_column() -> None:
    told = with_made_up("""
from types import SimpleNamespace
from graphql import parse, validate
from taskq_kernel.service.schema import fields
from taskq_kernel.service.schema.build import build_schema
schema = build_schema()
row = SimpleNamespace(mood_today="fine", tool_box=3)
print(json.dumps({
    "task": {name: str(schema.get_type("Task").fields[name].type) for name in ("moodToday", "toolBox")},
    "input": str(schema.get_type("TaskInput").fields["toolBox"].type),
    "not given": "moodToday" in schema.get_type("TaskInput").fields,
    "order": "MOOD_TODAY" in schema.get_type("TaskOrderField").values,
    "written": [fields.TASK[name](row) for name in ("mood_today", "tool_box")],
}))
""")
    assert told == {
        "task": {"moodToday": "String", "toolBox": "Int"}, "input": "Int", "not given": False, "order": True,
        "written": ["fine", 3],
    }


def test_a_new_field_is_read_with_a_row_or_where_it_is_asked_for_and_goes_with_the_outcome() -> None:
    told = with_made_up("""
from taskq_kernel.store import bulk_actions, create, records
names = lambda wants: [column.name for column in records.columns_for(frozenset(wants))]
print(json.dumps({
    "always": names(()), "asked": names({"toolBox"}), "cleared": list(bulk_actions._AFRESH), "alike": create._ALIKE,
}))
""")
    assert isinstance(told, dict)
    assert {name for name, words in told.items() if "mood_today" in words} == {"always", "asked", "cleared"}
    assert {name for name, words in told.items() if "tool_box" in words} == {"asked", "alike"}


def test_what_a_batch_gives_to_its_tasks_is_the_batchs_own_too() -> None:
    told = with_made_up("""
from taskq_kernel.client import batch_operations
from taskq_kernel.service.schema import fields
from taskq_kernel.service.schema.build import build_schema
schema = build_schema()
print(json.dumps([
    "toolBox" in batch_operations.BATCH.split(), "tool_box" in fields.BATCH, "tool_box" in tables.SHARED,
    *("toolBox" in schema.get_type(name).fields for name in ("Batch", "BatchInput")),
    "moodToday" in batch_operations.BATCH.split(),
]))
""")
    assert told == [True] * 5 + [False]


def test_a_new_field_is_a_column_of_a_frame() -> None:
    told = with_made_up("""
from taskq_kernel.client.frame import make_frame
frame = make_frame([{"number": 1, "attempt": 0, "lost": 0, "priority": 1, "moodToday": "fine"}])
print(json.dumps([str(frame["mood_today"].dtype), frame["mood_today"][1], "tool_box" in frame]))
""")
    assert told == ["string", "fine", False]


@pytest.mark.parametrize("field", TASK_FIELDS, ids=lambda field: field.name)
def test_a_field_is_stored_typed_and_written_and_the_client_has_it(field: TaskField) -> None:
    assert set(field.stored_as) <= get_type_hints(TaskRow).keys()
    assert set(field.stored_as) - {"code"} <= set(tasks.c.keys())
    task = build_schema().get_type("Task")
    assert isinstance(task, GraphQLObjectType)
    assert str(task.fields[field.graphql].type) == field.type
    assert isinstance(task.fields[field.graphql].type, GraphQLNonNull) == field.type.endswith("!")
    assert field.name in fields.TASK
    assert field.graphql in operations.TASK.split()
    assert Of.ROW in field.of or Of.COLUMN not in field.of
    assert hasattr(Task, {"timeout_seconds": "timeout"}.get(field.name, field.name)) or field.name in INSIDE


#: What a `Task` needs, and does not show under its name.
INSIDE = {"entry", "value_kind", "value_text", "value_ref", "value_size", "version"}


def test_what_a_submission_gives_is_what_a_new_task_has() -> None:
    given = {field.stored_as[0] for field in TASK_FIELDS if field.given}
    assert given | {"source", "after", "recipe"} == set(NewTask.__dataclass_fields__)


def test_a_stored_row_is_typed_with_every_column_that_there_is() -> None:
    assert get_type_hints(TaskRow).keys() == set(tasks.c.keys()) | {"code"}


def test_all_parts_of_an_error_are_stored_and_written() -> None:
    assert {field.column for field in ERROR_FIELDS} <= set(tasks.c.keys())
    assert [field.name for field in ERROR_FIELDS] == list(fields.TASK_ERROR)
