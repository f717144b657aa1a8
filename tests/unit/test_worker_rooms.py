"""The worker's rooms: imports go one way, and no object is changed but by itself."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest
import taskq_worker

ROOT = Path(taskq_worker.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): ast.parse(path.read_text())
    for path in sorted(ROOT.rglob("*.py"))
}

#: What each room may import of the worker, beside what stands in it.
MAY_IMPORT = {
    "julia": {"task_errors"},
    "sandbox": {"julia", "task_errors"},
    "slots": {"julia", "sandbox", "task_errors"},
    "claims": {"service_api"},
}


def imports_of(name: str) -> set[str]:
    """The worker's modules that a module imports anywhere in it, for types alone included."""
    found = set()
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {one for one in found if one in MODULES and "." in one}


def room_of(name: str) -> str:
    return name.split(".")[1]


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {name: imports_of(name) for name in MODULES}
    assert len(graph["taskq_worker.supervisor"]) > 5, "imports are found"
    list(graphlib.TopologicalSorter(graph).static_order())  # CycleError names the way round


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_stands_below_it(room: str) -> None:
    members = [name for name in MODULES if "." in name and room_of(name) == room]
    assert len(members) > 1
    imported = {room_of(one) for name in members for one in imports_of(name)}
    assert imported - {room} <= MAY_IMPORT[room]


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
