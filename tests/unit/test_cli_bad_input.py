"""Any arguments to any command: done, or an error in words with its exit code, and never a traceback."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from effort import scaled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskq_kernel.cli import _COMMANDS, cli, main

#: Commands that start something: they are given more arguments than they take.
STARTS = {"up", "demo", "dashboard", "julia", "service", "worker", "sink", "doctor"}
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["-", "--", "1", "0", "-1", "99999999999999999999", "nan", "a=1", "=", "a=", "2 GiB", "00000000-0000-0000",
     "\udcff", "/"]
)  # fmt: skip


def options_of(command: click.Command) -> list[str]:
    return [name for parameter in command.params for name in parameter.opts if name.startswith("-")] or ["--help"]


def arguments_of(name: str) -> st.SearchStrategy[list[str]]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    some = st.sampled_from(options_of(command)) | WORDS
    return st.lists(some, max_size=5).map(lambda rest: [name, *rest])


ANY = st.sampled_from(sorted(_COMMANDS)).flatmap(arguments_of) | st.lists(WORDS, max_size=3)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No stack, and a folder of its own."""
    for name in ("TASKQ_URL", "TASKQ_TOKEN", "TASKQ_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TASKQ_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


bounded = settings(
    max_examples=scaled(250), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
few = settings(bounded, max_examples=scaled(40))


def run(arguments: list[str]) -> tuple[int, str]:
    """The exit code of ``taskq``, and what it wrote; an exception would come through."""
    codes: list[int] = []

    @click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
    @click.argument("given", nargs=-1, type=click.UNPROCESSED)
    def program(given: tuple[str, ...]) -> None:
        codes.append(main(arguments))

    done = CliRunner().invoke(program, [], input=b"1 + 1", catch_exceptions=False)
    return codes[0], done.output


@bounded
@given(ANY)
def test_no_arguments_bring_a_traceback(arguments: list[str]) -> None:
    if arguments and arguments[0] in STARTS:
        # Twice: the first may be the value of an option.
        arguments = [*arguments, "--no-such-option", "--no-such-option"]
    code, said = run(arguments)
    assert code in (0, 1, 2, 3), said
    assert "Traceback" not in said
    assert code == 0 or said.strip()
    if "--no-such-option" in arguments:
        assert code == 2 or "--help" in arguments or "-h" in arguments


@pytest.mark.parametrize("command", sorted(_COMMANDS))
def test_an_option_that_does_not_exist_is_wrong_usage(command: str) -> None:
    code, said = run([command, "--no-such-option"])
    assert code == 2
    assert "--no-such-option" in said


@few
@given(st.sampled_from(["TASKQ_URL", "TASKQ_TOKEN"]), WORDS | st.sampled_from([
    "http://", "http://[::1", "http://127.0.0.1:99999/", "ftp://x/", "http://127.0.0.1:1/\n", "http://é/", "é\n",
    "://", "http://127.0.0.1:1/gräphql", "http://user:pass@127.0.0.1:1/",
]))  # fmt: skip
def test_no_address_and_no_token_brings_a_traceback(name: str, value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TASKQ_URL", "http://127.0.0.1:1/graphql")
        patch.setenv("TASKQ_TOKEN", "t")
        patch.setenv(name, value)
        patch.setattr("taskq_kernel.transport.graphql.RETRY_PAUSES_S", (0.0, 0.0))
        code, said = run(["ls"])
    assert code in (2, 3), said
    assert said.strip()
