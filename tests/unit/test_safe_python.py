"""How taskq starts Python, whatever it was started from itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from taskq_worker.julia.juliacall_command import JuliacallCommand

from taskq_kernel.local.julia_project import Juliacall
from taskq_kernel.local.python import run_module, safe_environment

COMMANDS = {
    "a part of the stack": run_module("taskq_kernel.cli", "--help"),
    "a slot with juliacall": JuliacallCommand(Juliacall("", "", "", "", ""), Path()).probe(),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_modules_in_the_current_folder_are_left_alone(command: list[str], tmp_path: Path) -> None:
    for name in ("queue", "types", "ctypes", "click"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('a stranger')", "utf-8")
    env = safe_environment(os.environ | {"PYTHONPATH": f":.:relative:{tmp_path.parent}:"})
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()


def test_whole_paths_of_pythonpath_are_kept_and_the_current_folder_is_not() -> None:
    assert safe_environment({"PYTHONPATH": ":/one:.:/two:"})["PYTHONPATH"] == "/one:/two"
    assert "PYTHONPATH" not in safe_environment({"PYTHONPATH": ":"})
    assert "PYTHONPATH" not in safe_environment({})


def test_what_such_a_process_starts_in_turn_is_as_safe() -> None:
    environment = safe_environment({"PYTHONUTF8": "0", "HOME": "/home/ann"})
    assert environment == {"PYTHONUTF8": "1", "PYTHONSAFEPATH": "1", "HOME": "/home/ann"}


def test_the_slots_own_program_takes_no_module_from_its_folder() -> None:
    command = JuliacallCommand(Juliacall("", "", "", "", ""), Path())
    assert "-P" in command.argv(3, 4, 5)
