"""The GraphQL schema: the file is current, everything in it is described, and nothing is unguarded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    build_schema,
    get_introspection_query,
    graphql_sync,
    validate_schema,
)

from taskq_kernel.domain import Role
from taskq_kernel.service import export_schema
from taskq_kernel.service.export_schema import SCHEMA_FILE
from taskq_kernel.service.schema.build import build_schema as taskq_schema
from taskq_kernel.service.schema.build import schema_text
from taskq_kernel.service.schema.fields import TABLES
from taskq_kernel.service.security import access


def test_the_checked_in_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "run: python -m taskq_kernel.service.export_schema"
    )


def test_the_command_writes_the_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_schema, "SCHEMA_FILE", tmp_path / "schema.graphql")
    export_schema.main()
    assert (tmp_path / "schema.graphql").read_text(encoding="utf-8") == schema_text()


def test_the_checked_in_schema_is_valid_by_itself() -> None:
    assert validate_schema(build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))) == []


def undescribed() -> Iterator[str]:
    for name, kind in taskq_schema().type_map.items():
        if name.startswith("__") or name in {"String", "Int", "Float", "Boolean", "ID"}:
            continue
        if not kind.description:
            yield name
        if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType):
            for field_name, field in kind.fields.items():
                if not field.description:
                    yield f"{name}.{field_name}"
                for argument_name, argument in getattr(field, "args", {}).items():
                    if not argument.description:
                        yield f"{name}.{field_name}({argument_name})"
        if isinstance(kind, GraphQLEnumType):
            yield from (f"{name}.{value}" for value, item in kind.values.items() if not item.description)


def test_everything_has_a_description() -> None:
    assert list(undescribed()) == []


def test_introspection_works_within_the_limits() -> None:
    from taskq_kernel.service.graphql.documents import Documents

    query = get_introspection_query(input_value_deprecation=True)
    Documents(taskq_schema()).prepare(query, None, None)
    result = graphql_sync(taskq_schema(), query)
    assert result.errors is None


def test_every_root_field_is_in_the_table_of_roles_and_the_other_way_round() -> None:
    schema = taskq_schema()
    roots = [schema.query_type, schema.mutation_type, schema.subscription_type]
    fields = {f"{root.name}.{name}" for root in roots if root for name in root.fields}
    assert fields == set(access.ALLOWED)


def test_only_administrators_and_users_change_tasks_and_nobody_has_two_jobs() -> None:
    for field, roles in access.ALLOWED.items():
        if field.endswith("Tasks") and field.startswith("Mutation") and field not in {
            "Mutation.claimTasks", "Mutation.releaseTasks", "Mutation.declineTasks", "Mutation.pruneTasks",
        }:
            assert roles == {Role.ADMIN, Role.USER}
        if Role.SINK in roles and roles != set(Role):
            assert field == "Mutation.recordOutcomes"


@pytest.mark.parametrize("name", TABLES)
def test_each_table_of_fields_covers_its_type(name: str) -> None:
    from graphene.utils.str_converters import to_snake_case

    kind = taskq_schema().type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    elsewhere = {
        "Task": {"files", "history", "logs", "manifest", "series", "waits_for", "why"},
        "Batch": {"grids", "figures", "failures"},
    }
    assert {to_snake_case(field) for field in kind.fields} == set(TABLES[name]) | elsewhere.get(name, set())
