"""Which program a slot runs.

Two kinds of process stand behind `RunnerCommand`: a ``julia`` executable, and a Python
process that has loaded Julia as a library. Both run ``runner/runner.jl`` and speak the
same frames.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

from taskq_kernel.errors import SetupError
from taskq_kernel.julia_manifest import JuliaVersion, version_numbers
from taskq_kernel.local import julia_project
from taskq_kernel.local.julia import OLDEST_VERSION, find_julia, thread_setting
from taskq_kernel.local.julia_project import project_environment
from taskq_kernel.machine import processor
from taskq_kernel.settings import Settings
from taskq_worker.julia.juliacall_command import JuliacallCommand, find_juliacall, heap_size
from taskq_worker.julia.prepared_project import JuliaProgram
from taskq_worker.julia.process_key import DEFAULT_KEY, ProcessKey
from taskq_worker.julia.sources import JULIA_SOURCES

log = logging.getLogger(__name__)

#: Tells the runner where a project's files lie, so that people read paths within it.
PROJECT_VARIABLE = "RUNNER_PROJECT"


class RunnerCommand(Protocol):
    """How to start one kind of Julia process."""

    @property
    def kind(self) -> str:
        """Its name, for people and for the provenance of results."""

    def argv(self, requests_fd: int, frames_fd: int, ahead_fd: int) -> list[str]:
        """The command line. It reads requests and writes frames on these descriptors, and takes more from the third."""

    def environment(self) -> dict[str, str]:
        """What it needs in its environment beyond what every task sees. May block."""

    def started_with(self, key: ProcessKey) -> RunnerCommand:
        """The same for a process with this key."""

    def takes_heap_size(self) -> bool:
        """Whether Julia can be told how much memory it has. May block the first time."""

    def needs(self) -> list[Path]:
        """The files and folders that it reads, packages aside."""

    def probe(self) -> list[str]:
        """A command that shows, in a moment, whether it can be run at all."""


class PackageRunner(RunnerCommand, Protocol):
    """One that can have the packages of a project."""

    @property
    def program(self) -> JuliaProgram:
        """The Julia that it is. May block the first time."""

    def run_by(self, program: JuliaProgram) -> PackageRunner:
        """The same with another Julia."""

    def version(self) -> JuliaVersion:
        """Julia's version. May block the first time."""

    def identity(self) -> str:
        """All that decides whether what it has compiled for a project can be used. May block."""

    def prepare_argv(self, tree: Path, packages: Sequence[str]) -> list[str]:
        """The command line that installs a project's packages; those that lie elsewhere are named."""


@dataclass(frozen=True)
class JuliaCommand:
    """A ``julia`` executable, 1.5 or newer.

    Parameters
    ----------
    executable : str
        Path of ``julia``, or of a wrapper that executes it.
    key : ProcessKey
        What each process is started with besides.
    home : Path, optional
        The data folder, whose Julia project the process uses once there is one.
    sources : Path
        The folder with the runner; see `compiled` for another than the package's own.
    """

    executable: str
    key: ProcessKey = DEFAULT_KEY
    home: Path | None = None
    sources: Path = JULIA_SOURCES

    @property
    def kind(self) -> str:
        return "julia"

    def argv(self, requests_fd: int, frames_fd: int, ahead_fd: int) -> list[str]:
        options = ["--startup-file=no", "--history-file=no", "--color=no"]
        if self.key.heap_bytes is not None:
            options.append(f"--heap-size-hint={heap_size(self.key.heap_bytes)}")
        executable = shutil.which(self.executable) or self.executable
        arguments = [str(requests_fd), str(frames_fd), str(ahead_fd), str(Path(executable).absolute())]
        return [executable, *options, str(self.sources / "main.jl"), *arguments]

    def prepare_argv(self, tree: Path, packages: Sequence[str]) -> list[str]:
        program = shutil.which(self.executable) or self.executable
        options = ["--startup-file=no", "--history-file=no", "--color=no", f"--project={tree}"]
        return [program, *options, str(self.sources / "prepare.jl"), *packages]

    @property
    def program(self) -> JuliaProgram:
        return JuliaProgram(self.executable, self.sources, self.takes_heap_size())

    def run_by(self, program: JuliaProgram) -> JuliaCommand:
        return replace(self, executable=program.executable, sources=program.sources)

    def version(self) -> JuliaVersion:
        return julia_version(self.executable)

    def identity(self) -> str:
        return julia_identity(self.executable)

    def environment(self) -> dict[str, str]:
        project = project_environment(self.home) if self.home else {}
        threads = thread_setting(self.version()[:2], self.key.threads)
        if self.key.project is not None:
            project = {**project, PROJECT_VARIABLE: str(self.key.project.tree)}
            project |= {"JULIA_PROJECT": str(self.key.project.tree)} if self.key.project.packages else {}
        return {**dict(self.key.variables), "JULIA_NUM_THREADS": threads, **project}

    def started_with(self, key: ProcessKey) -> JuliaCommand:
        return replace(self, key=key)

    def takes_heap_size(self) -> bool:
        # Its version is known already: one more process to ask would cost every start of a worker its time.
        return self.version() >= (1, 9)

    def needs(self) -> list[Path]:
        program = Path(shutil.which(self.executable) or self.executable).absolute()
        project = project_environment(self.home).values() if self.home else ()
        return [*julia_files(program), self.sources, *map(Path, project)]

    def probe(self) -> list[str]:
        return [shutil.which(self.executable) or self.executable, "--version"]


def for_packages(runner: RunnerCommand) -> PackageRunner:
    """What a project's packages are used in: the executable, for PythonCall need not be among them."""
    if isinstance(runner, JuliacallCommand):
        return JuliaCommand(runner.juliacall.executable, runner.key, sources=runner.sources)
    return cast("PackageRunner", runner)


def for_key(runner: RunnerCommand, key: ProcessKey) -> RunnerCommand:
    """How a process with this key is started."""
    if key.project is None or key.project.julia is None:
        return runner.started_with(key)
    return for_packages(runner).run_by(key.project.julia).started_with(key)


def choose_runner(settings: Settings) -> JuliaCommand | JuliacallCommand:
    """The kind of Julia process that the settings ask for.

    ``auto`` takes juliacall where it is ready to use, else the julia executable; with an
    executable named in the settings it takes that.

    Raises
    ------
    SetupError
        If there is no Julia, or none that taskq can use.
    """
    if settings.runner == "juliacall":
        return find_juliacall(settings.home)
    if settings.runner == "auto" and settings.julia is None:
        try:
            return find_juliacall(settings.home)
        except SetupError as error:
            if julia_project.juliacall_version() is not None:
                log.info("tasks run in the julia executable, not in juliacall: %s", error)
    return JuliaCommand(str(find_julia(settings).path), home=settings.home)


def julia_files(program: Path) -> list[Path]:
    """What a ``julia`` program is made of: itself, its links, and the folder of its release."""
    found = [program]
    while found[-1].is_symlink():
        found.append(found[-1].parent / found[-1].readlink())
    release = program.resolve().parent.parent
    # A script in some `bin` starts a Julia that is elsewhere: the folder above is not Julia's.
    if any((release / part / "julia").is_dir() for part in ("share", "usr/share")):
        found.append(release)
    return found


def julia_identity(executable: str) -> str:
    """All of a Julia and its machine that decides whether what it has compiled can be used."""
    program = Path(shutil.which(executable) or executable).resolve()
    # Julia's program is small and may stay the same where the library beside it is new.
    files = [program, *sorted(program.parent.parent.glob("lib*/libjulia*"))]
    stamps = (f"{path}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in files)
    return chr(0).join([*stamps, processor(), os.environ.get("JULIA_CPU_TARGET", "")])


@functools.lru_cache(maxsize=8)
def julia_version(executable: str) -> JuliaVersion:
    """The version of a ``julia`` executable.

    Raises
    ------
    SetupError
        If it cannot be run, does not answer as Julia does, or is older than 1.5.
    """
    try:
        answer = subprocess.run(
            [executable, "--version"], capture_output=True, encoding="utf-8", errors="replace", timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"Julia cannot be started as {executable!r}: {error}") from error
    said = (answer.stdout + answer.stderr).strip()
    found = re.search(r"julia version (\d+\.\d+\S*)", answer.stdout)
    if found is None:
        raise SetupError(f"{executable!r} is not Julia: asked for its version, it said {said[:500]!r}")
    version = version_numbers(found[1])
    if version < OLDEST_VERSION:
        raise SetupError(f"{executable!r} is Julia {found[1]}, and taskq needs 1.5 or newer")
    return version
