"""Every command and every Python block of README.md runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from fresh import ROOT

from taskq_kernel.cli import cli

if TYPE_CHECKING:
    from stacks import RunningStack

#: Commands that are not run here, and why.
EXCEPTED = {
    "make test": "it is the suite that this test is part of",
    "make demo": "test_demo.py runs it",
    "make dashboard": "test_dashboard.py runs it, without its set-up",
    "jupyter lab notebooks/quickstart.ipynb": "it runs until Ctrl-C; test_board.py opens JupyterLab in a browser",
    ". .venv/bin/activate": "this test runs in an environment that is active already",
}
#: A block runs as cells do, so that magics and a bare `await` work.
RUN_CELLS = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="NoColor")
for cell in json.load(sys.stdin):
    result = shell.run_cell(cell)
    if not result.success:
        sys.exit(f"this block failed:\\n{cell}")
"""


@dataclass
class Command:
    """A command of the README, and what it says that it prints."""

    line: str
    printed: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The command without the comment beside it."""
        return re.sub(r"\s+#.*", "", self.line)


def blocks(language: str) -> Iterator[str]:
    """The code blocks in a language."""
    for fence in re.finditer(r"^```(\w*)[^\n]*\n(.*?)^```", README, re.DOTALL | re.MULTILINE):
        if fence[1] == language:
            yield fence[2]


def commands(block: str) -> list[Command]:
    """The commands of a console block, each with what is printed below it."""
    found: list[Command] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:]))
        elif line.strip() and found:
            found[-1].printed.append(line)
    return found


README = (ROOT / "README.md").read_text()
CONSOLE = [commands(block) for block in blocks("console")]


@pytest.fixture
def environment(stack: RunningStack, tmp_path: Path) -> dict[str, str]:
    """Where `taskq` is this environment's, and the stack is the one that all tests share."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return stack.env | {"PATH": path, "IPYTHONDIR": str(tmp_path / "ipython")}


@pytest.mark.parametrize("block", CONSOLE, ids=lambda block: block[0].text)
def test_every_command_does_what_the_readme_says(
    block: list[Command], environment: dict[str, str], tmp_path: Path
) -> None:
    # Given: a stack; for commands that stop it, one that is theirs to stop.
    own = any(command.text == "taskq down" for command in block)
    if own:
        environment = environment | {"TASKQ_HOME": str(tmp_path / "own"), "TASKQ_WORKERS": "1"}
    try:
        for command in block:
            if command.text in EXCEPTED:
                continue
            # When
            done = _shell(command.text, environment, tmp_path)
            # Then
            assert done.returncode == 0, f"$ {command.text}\n{done.stdout}{done.stderr}"
            if command.printed:
                assert done.stdout.splitlines() == command.printed
    finally:
        if own:
            _shell("taskq down", environment, tmp_path)


def _shell(line: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line as a reader would, who pastes it into a shell."""
    return subprocess.run(
        ["/bin/bash", "-c", line], env=environment, cwd=folder, capture_output=True, text=True, timeout=110,
        check=False,
    )  # fmt: skip


def test_the_exceptions_are_commands_of_the_readme() -> None:
    said = {command.text for block in CONSOLE for command in block}
    assert EXCEPTED.keys() - said == set()


def test_every_python_block_runs(environment: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("IPython")
    cells = list(blocks("python"))
    assert cells
    done = subprocess.run(
        [sys.executable, "-c", RUN_CELLS], input=json.dumps(cells), env=environment, cwd=tmp_path,
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_no_block_of_code_is_left_untested() -> None:
    languages = set(re.findall(r"^```(\w+)", README, re.MULTILINE))
    assert languages <= {"console", "python", "mermaid"}
    assert README.count("\n```") % 2 == 0


def test_every_command_in_the_text_exists() -> None:
    named = set()
    for row in re.findall(r"^\| (`taskq .*?) \|", README, re.MULTILINE):
        named.update(re.findall(r"`(?:taskq )?([a-z]+)", row))
    assert named
    assert named - set(cli.list_commands(click.Context(cli))) == set()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https?:|#)([^)#]+)", README))))
def test_every_link_leads_to_a_file(target: str) -> None:
    assert (ROOT / target).exists()


def test_taskq_itself_is_installed() -> None:
    assert shutil.which("taskq", path=str(Path(sys.executable).parent)), "this environment has no `taskq`"
