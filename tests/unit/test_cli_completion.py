"""The tab key: what a shell reads, and what it is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from taskq_kernel.cli import _COMMANDS, cli


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """An environment in which `taskq` is this one."""
    file = tmp_path / "taskq"
    file.write_text(f'#!/bin/sh\nexec {sys.executable} -m taskq_kernel.cli "$@"\n')
    file.chmod(0o755)
    return os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TASKQ_HOME": str(tmp_path)}


def completed(env: dict[str, str], *lines: str) -> list[list[str]]:
    """What bash would offer at the end of each of these lines."""
    script = 'eval "$(taskq completion bash)"\n'
    for line in lines:
        words = line.split(" ")
        script += (
            f'COMP_WORDS=({line.strip()} {"" if words[-1] else chr(39) * 2})\n'
            f"COMP_CWORD={len(words) - 1}; COMPREPLY=()\n"
            f'_taskq_completion taskq "{words[-1]}" ""; printf "%s " "${{COMPREPLY[@]}}"; echo\n'
        )
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, timeout=60, check=True)
    return [line.split() for line in done.stdout.splitlines()]


def test_bash_completes_commands_and_options(program: dict[str, str]) -> None:
    assert completed(program, "taskq ", "taskq su", "taskq submit --time", "taskq julia ") == [
        list(_COMMANDS), ["submit"], ["--timeout"], ["add", "install", "status"],
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_own_source(shell: str) -> None:
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0
    assert f"_TASKQ_COMPLETE={shell}_complete" in done.output


def test_an_unknown_shell_is_refused_with_those_that_are_known() -> None:
    done = CliRunner().invoke(cli, ["completion", "tcsh"])
    assert done.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in done.output
