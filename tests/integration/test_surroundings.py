"""The whole stack in surroundings that nobody would choose, and somebody has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from stacks import missing

from taskq_kernel.errors import SetupError
from taskq_kernel.local.rabbit_files import find_server

#: A locale whose encoding is ASCII, and a Python that takes it at its word.
ASCII_ALONE = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@dataclass
class Surroundings:
    """Where and how ``taskq`` is called."""

    home: str
    cwd: Path
    env: dict[str, str] = field(default_factory=dict)
    umask: int = -1

    def taskq(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[bytes]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TASKQ_")}
        return subprocess.run(
            [Path(sys.executable).with_name("taskq"), *arguments], input=stdin.encode(), cwd=self.cwd,
            env=clean | {"TASKQ_HOME": self.home} | self.env, umask=self.umask, capture_output=True, timeout=110,
        )  # fmt: skip


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for a data folder and a current folder. Its path is short: sockets have names of 100 characters."""
    try:
        find_server()
    except SetupError as error:
        missing(str(error))
    folder = Path(tempfile.mkdtemp(prefix="taskq-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def brought_up(place: Path) -> Iterator[Callable[..., Surroundings]]:
    """Brings a stack up in given surroundings, and down at the end."""
    made: list[Surroundings] = []

    def up(home: str | None = None, *, cwd: Path | None = None, umask: int = -1, **env: str) -> Surroundings:
        here = Surroundings(home or str(place / "home"), cwd or place, env, umask)
        made.append(here)
        done = here.taskq("up", "--workers", "1")
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return here

    yield up
    for here in made:
        assert here.taskq("down").returncode == 0


def runs_a_task(here: Surroundings) -> bool:
    done = here.taskq("submit", "-", "--wait", stdin='"µ" * string(6 * 7)')
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode() == '"µ42"\n'


def test_a_stack_runs_among_strangers_under_a_strict_umask_and_ascii_in_a_folder_of_any_name(
    place: Path, brought_up: Callable[..., Surroundings]
) -> None:
    # Given: modules that are named like those of the standard library.
    here = place / "work"
    here.mkdir()
    for name in ("queue", "signal", "types", "secrets", "ssl", "ctypes"):
        mark = place / f"{name} was imported"
        source = f"open({str(mark)!r}, 'w').close()\nraise ImportError('a stranger')\n"
        (here / f"{name}.py").write_text(source, "utf-8")
    # And: a data folder, named relative to the current one.
    name = "-n {x} [y] * a%20b O'Brien \"x\" $HOME `x` a:b;c&d|e a#b?c=d größe-数\\"

    relative = brought_up(name, cwd=here, umask=0o027, **ASCII_ALONE)
    absolute = Surroundings(str(here / name), Path("/"))

    for one in (relative, absolute):
        assert runs_a_task(one)
        status = json.loads(one.taskq("status", "--json").stdout)
        assert status["home"] == str(here / name)
        assert {part["state"] for part in status["processes"]} == {"running"}
    assert list(place.glob("* was imported")) == []
