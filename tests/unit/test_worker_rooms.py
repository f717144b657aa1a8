"""The worker's rooms: imports go one way, and no object is changed but by itself."""

from __future__ import annotations

import ast

import pytest
from test_boundaries import SOURCES, imported

MODULES = {name: tree for name, tree in SOURCES.items() if name.split(".")[0] == "taskq_worker"}

#: What each room may import of the worker, beside what stands in it.
MAY_IMPORT = {
    "julia": {"task_errors"},
    "sandbox": {"julia", "task_errors"},
    "projects": {"claims", "julia", "sandbox", "slots"},
    "slots": {"julia", "sandbox", "task_errors"},
    "claims": {"service_api"},
}


def imports_of(name: str) -> set[str]:
    """The worker's modules that a module imports anywhere in it, for types alone included."""
    return {one for one in imported(MODULES[name]) if one in MODULES and "." in one}


def room_of(name: str) -> str:
    return name.split(".")[1]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_stands_below_it(room: str) -> None:
    members = [name for name in MODULES if "." in name and room_of(name) == room]
    assert len(members) > 1
    below = {room_of(one) for name in members for one in imports_of(name)}
    assert below - {room} <= MAY_IMPORT[room]


@pytest.mark.parametrize("name", MODULES)
def test_no_attribute_of_an_object_is_set_from_outside_it(name: str) -> None:
    targets: list[ast.expr] = []
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Assign):
            targets += [part for target in node.targets for part in ast.walk(target) if isinstance(part, ast.expr)]
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets.append(node.target)
    outside = [
        ast.unparse(target)
        for target in targets
        if isinstance(target, ast.Attribute)
        and isinstance(target.ctx, ast.Store)
        and not (isinstance(target.value, ast.Name) and target.value.id == "self")
    ]
    assert outside == []
