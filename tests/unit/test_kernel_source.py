"""What the Jupyter kernel knows of Julia's syntax, and what it says where Jupyter is not installed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest
from click.testing import CliRunner

from taskq_kernel import SetupError
from taskq_kernel.cli import cli
from taskq_kernel.client.why import Why
from taskq_kernel.domain import TaskStatus, WhyKind
from taskq_kernel.errors import InvalidTask
from taskq_kernel.jupyter import spec
from taskq_kernel.jupyter.completion import Completer, completions_of
from taskq_kernel.jupyter.options import directive_of, read_options
from taskq_kernel.jupyter.session import NotebookSession
from taskq_kernel.jupyter.source import ends_with_semicolon, in_mode, name_at, names_in, with_caret


@pytest.mark.parametrize(
    "code",
    [
        "x = 1;", "x = 1; # shown no more;", "f();\n\n#= and\n this =#  ", "a' * b';", 'x = ";";', "x = '\"';",
        r"['\'','#'];",
    ],
)  # fmt: skip
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


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("sin|", "sin"), ("y = Base.pu|sh!(x)", "Base.push!"), ("@time|", "@time"), ("println(|", "println"),
        ("f(g(1), |", "f"), ("f(g(1) + |", "f"), ("(1 + |", None), ("|", None),
    ],
)  # fmt: skip
def test_documentation_is_of_the_name_at_the_cursor_or_of_the_call_that_it_is_in(code: str, name: str | None) -> None:
    assert name_at(code.replace("|", ""), code.index("|")) == name


@pytest.mark.parametrize("code", ["x ? y : z", "sin(1)", "[1]", "?sin\n2", "  x;  ", "# ;ls"])
def test_a_cell_that_begins_as_no_mode_of_the_repl_is_left_as_it_is(code: str) -> None:
    assert in_mode(code) == code


def test_the_modes_of_the_repl_are_plain_julia() -> None:
    assert 'helpmode, stdout, "sin")' in in_mode("?sin")
    assert 'shell_parse("ls \\"a b\\" \\$x")' in in_mode(' ; ls "a b" $x')
    assert in_mode("]status") == 'import Pkg; Pkg.@pkg_str("status")'


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        (
            "ParseError: not a unary operator in line 2, column 4: x +* 2",
            ["ParseError: not a unary operator in line 2, column 4", "  x +* 2", "     ^"],
        ),
        (
            "ParseError: the code ends too early: expected `)` in line 2: f(",
            ["ParseError: the code ends too early: expected `)` in line 2", "  f("],
        ),
        ("ParseError: of another kind", ["ParseError: of another kind"]),
    ],
)
def test_a_caret_stands_below_what_the_parser_does_not_take(message: str, lines: list[str]) -> None:
    assert with_caret(message) == lines


def test_without_jupyter_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "find_spec", lambda _name: None)
    for command in ("install", "uninstall"):
        result = CliRunner().invoke(cli, ["kernel", command])
        assert isinstance(result.exception, SetupError)
        assert "pip install 'taskq-kernel[lab]'" in str(result.exception)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["--env", "A"], "--env is 'A'"), (["--threads", "0"], "--threads is 0"), (["--name", "a b"], "Invalid"),
        (["--project", "nowhere"], "no folder"), (["--project", ""], "--project is empty"),
    ],
)
def test_what_no_session_could_be_given_is_refused_where_the_kernel_is_installed(
    asked: list[str], says: str, tmp_path: Path
) -> None:
    result = CliRunner().invoke(cli, ["kernel", "install", "--prefix", str(tmp_path), *asked])
    assert result.exit_code != 0
    assert says in f"{result.output} {result.exception}"
    assert not list(tmp_path.iterdir())


def test_a_kernel_keeps_what_its_sessions_are_asked_for(tmp_path: Path) -> None:
    asked = ["--name", "big", "--threads", "4", "--env", "A=1 2", "--project", str(tmp_path)]
    assert CliRunner().invoke(cli, ["kernel", "install", "--prefix", str(tmp_path), *asked]).exit_code == 0
    content = json.loads((tmp_path / "share/jupyter/kernels/big/kernel.json").read_text("utf-8"))
    [line] = [one.partition("=")[2] for one in content["argv"] if one.startswith("--TaskqKernel.session_options=")]
    assert content["display_name"] == "Julia (taskq, big)"
    read = read_options(line)
    assert (read["threads"], read["env"], read["project"]) == (4, ["A=1 2"], str(tmp_path))


@pytest.mark.parametrize("line", ["--nope", "--threads x", "--env 'A"])
def test_a_directive_that_cannot_be_read_is_told_by_its_own_name(line: str) -> None:
    with pytest.raises(InvalidTask, match="^%session") as refused:
        read_options(line)
    assert "%%julia" not in str(refused.value)


def test_a_directive_is_a_cell_of_its_own() -> None:
    assert directive_of(" %session --threads 2\n") == "--threads 2"
    assert directive_of("%session") == ""
    assert directive_of("%sessions") is None
    assert directive_of("%session\nx = 1") is None
    assert directive_of("x = 1 # %session") is None


@pytest.mark.parametrize("places", [["--user", "--sys-prefix"], ["--sys-prefix", "--prefix", "x"]])
def test_one_place_is_enough(places: list[str]) -> None:
    result = CliRunner().invoke(cli, ["kernel", "install", *places])
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("kind", "said"),
    [(WhyKind.BUSY, True), (WhyKind.UNSERVED, True), (WhyKind.STARTING, False), (WhyKind.RUNNING, False)],
)
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
