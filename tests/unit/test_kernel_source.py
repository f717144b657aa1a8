"""What the Jupyter kernel knows of Julia's syntax, and what it says where Jupyter is not installed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest
from click.testing import CliRunner

from taskq_kernel import SetupError
from taskq_kernel.cli import cli
from taskq_kernel.client.why import Why
from taskq_kernel.domain import TaskStatus, WhyKind
from taskq_kernel.jupyter import spec
from taskq_kernel.jupyter.completion import Completer, completions_of
from taskq_kernel.jupyter.session import NotebookSession
from taskq_kernel.jupyter.source import ends_with_semicolon, names_in


@pytest.mark.parametrize(
    "code", ["x = 1;", "x = 1; # shown no more;", "f();\n\n#= and\n this =#  ", "a' * b';", 'x = ";";', "x = '\"';"]
)
def test_a_semicolon_at_the_end_shows_nothing(code: str) -> None:
    assert ends_with_semicolon(code)


@pytest.mark.parametrize("code", ["x = 1", "x # ;", '"a;#b;"', "x = 1; y", "';'", '"""\n;"""', "#= ; =# x"])
def test_a_semicolon_elsewhere_does_not(code: str) -> None:
    assert not ends_with_semicolon(code)


def test_names_are_those_of_the_code_alone() -> None:
    code = 'function shift!(rows, by)\n  "text" # comment\n  αβ = rows .+ by\nend'
    assert names_in(code) == {"shift!", "rows", "by", "αβ"}


def test_where_the_session_does_not_answer_names_of_the_cells_are_offered() -> None:
    completer = Completer(lambda _code, _timeout: None)
    completer.note("magnetization(beta) = 1\nmagnet = 2")
    assert completer.complete("y = magn + 1", 8) == (["magnet", "magnetization"], 4, 8)
    assert completer.complete("whi", 3)[0] == ["while"]
    assert completer.complete("f( ", 3)[0] == []


def test_julias_bytes_are_counted_as_characters_of_the_line() -> None:
    asked: list[str] = []

    def answers(code: str, _timeout: float) -> dict[str, object]:
        asked.append(code)
        return {"texts": ["factorial"], "first": 8}

    assert Completer(answers).complete("1\nαβ = fact", 11) == (["factorial"], 7, 11)
    assert asked == [completions_of("αβ = fact")]
    assert '"a \\$(x) \\"q\\" \\\\alpha\\U00000009"' in completions_of('a $(x) "q" \\alpha\t')


def test_without_jupyter_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "find_spec", lambda _name: None)
    for command in ("install", "uninstall"):
        result = CliRunner().invoke(cli, ["kernel", command])
        assert isinstance(result.exception, SetupError)
        assert "pip install 'taskq-kernel[lab]'" in str(result.exception)


@pytest.mark.parametrize("places", [["--user", "--sys-prefix"], ["--sys-prefix", "--prefix", "x"]])
def test_one_place_is_enough(places: list[str]) -> None:
    result = CliRunner().invoke(cli, ["kernel", "install", *places])
    assert result.exit_code == 2


@pytest.mark.parametrize(("kind", "said"), [(WhyKind.BUSY, True), (WhyKind.UNSERVED, True), (WhyKind.STARTING, False)])
def test_a_cell_says_why_its_session_has_no_slot_unless_it_is_about_to_have_one(kind: WhyKind, said: bool) -> None:
    class Waiting:
        """A stand-in for the session's task."""

        entry = SimpleNamespace(row={"status": TaskStatus.QUEUEING})

        def why(self) -> Why:
            return Why(kind, "the reason")

    shown: list[str] = []
    session = NotebookSession(Mock())
    session._task = cast("Any", Waiting())
    assert session._say_why_it_waits(lambda _stream, text: shown.append(text)) is said
    assert shown == (["The session waits for a slot: the reason.\n"] if said else [])
