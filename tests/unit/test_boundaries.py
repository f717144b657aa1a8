"""What keeps rooms apart: imports that go one way, and no hand in what belongs to another class."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: What libraries mean for everybody, whatever it begins with.
PUBLIC = frozenset({"_adapter_disconnect_stream", "_asdict", "_exit", "_mapping", "_replace"})


def sources() -> dict[str, ast.Module]:
    """Every module of the product by its name."""
    found = {}
    for folder in (ROOT, ROOT / "widgets", ROOT / "worker", ROOT / "sink"):
        for file in folder.glob("taskq_*/**/*.py"):
            name = ".".join(file.relative_to(folder).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = ast.parse(file.read_text("utf-8"))
    return found


def imported(tree: ast.Module) -> Iterator[str]:
    """What a module imports, wherever it does: at its head, in a function, or for types alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports are not followed here"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
                yield f"{node.module}"


def foreign_underscores(tree: ast.Module) -> Iterator[str]:
    """Attributes with an underscore of anything but ``self``, ``cls`` and ``super()``."""
    own = ("self", "cls", "super()")
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr in PUBLIC or ast.unparse(node.value) in own:
            continue
        if node.attr.startswith("_") and not node.attr.startswith("__"):
            yield f"line {node.lineno}: {ast.unparse(node)}"


SOURCES = sources()


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {name: {one for one in imported(tree) if one in SOURCES} for name, tree in SOURCES.items()}
    assert len(graph["taskq_worker.supervisor"]) > 5, "imports are found"
    for name, needs in graph.items():  # `from package import module` is about the module
        graph[name] = {one for one in needs if not any(other.startswith(f"{one}.") for other in needs)}
    TopologicalSorter(graph).prepare()  # raises with the cycle, if there is one


def test_the_service_the_worker_and_the_sink_need_nothing_of_the_client() -> None:
    fleet = [name for name in SOURCES if name.startswith(("taskq_kernel.service", "taskq_worker", "taskq_sink"))]
    needs = {name: [one for one in imported(SOURCES[name]) if one.startswith("taskq_kernel.client")] for name in fleet}
    assert {name: client for name, client in needs.items() if client} == {}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_nothing_outside_a_class_touches_what_is_inside(name: str) -> None:
    assert list(foreign_underscores(SOURCES[name])) == []
