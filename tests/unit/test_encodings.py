"""What is read and written names its encoding: the locale of whoever started us decides nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for folder in ("taskq_kernel", "worker", "sink", "widgets/taskq_widgets", "scripts", "binder", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
]

#: Functions that read or write text wherever they are told no mode with a ``b``, and where their mode stands.
_OPENERS = {"open": 0, "fdopen": 1, "NamedTemporaryFile": 0, "TemporaryFile": 0, "SpooledTemporaryFile": 1}
#: Those of them that read or write bytes by default.
_BINARY = {"NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile"}


def in_the_locales_encoding(source: str) -> Iterator[int]:
    """The lines of calls that leave the encoding to the locale."""
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and _leaves_it(call):
            yield call.lineno


def _leaves_it(call: ast.Call) -> bool:
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if "encoding" in keywords or None in keywords:
        return False
    attribute = isinstance(call.func, ast.Attribute)
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in ("read_text", "write_text"):
        return len(call.args) <= (name == "write_text")
    if any(ast.unparse(keywords.get(word, ast.Constant(None))) == "True" for word in ("text", "universal_newlines")):
        return True
    if name not in _OPENERS:
        return False
    place = _OPENERS[name] + (name == "open" and not attribute)
    mode = keywords.get("mode", call.args[place] if len(call.args) > place else None)
    if mode is None:  # many a class has an `open`; that of a path may come without an argument
        return name not in _BINARY and not (name == "open" and attribute and call.args)
    known = isinstance(mode, ast.Constant) and isinstance(mode.value, str) and set(mode.value) <= set("rwxab+t")
    return known and "b" not in mode.value


def test_every_file_and_pipe_names_its_encoding() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in SOURCES
        for line in in_the_locales_encoding(path.read_text("utf-8"))
    }
    assert found == set()


@pytest.mark.parametrize(
    "call",
    ["p.read_text()", "p.write_text('x')", "open('x')", "open('x', 'w')", "p.open()", "p.open('w')",
     "os.fdopen(1, 'w')", "run(['x'], text=True)", "NamedTemporaryFile('w')",
     "Popen(['x'], stdout=PIPE, universal_newlines=True)"],
)  # fmt: skip
def test_a_call_that_leaves_it_to_the_locale_is_found(call: str) -> None:
    assert list(in_the_locales_encoding(call)) == [1]


@pytest.mark.parametrize(
    "call",
    ["p.read_text('utf-8')", "p.write_text('x', encoding='utf-8')", "open('x', 'rb')", "p.open('r+b')",
     "run(['x'], text=True, encoding='utf-8')", "NamedTemporaryFile()",
     "Session.open(parameters)"],
)  # fmt: skip
def test_a_call_that_names_it_is_not(call: str) -> None:
    assert list(in_the_locales_encoding(call)) == []
