"""A copy of the runner that Julia has compiled ahead.

A new Julia process would spend most of its start compiling the runner's own methods.
`compile_ahead` has Julia do that once for each runner, Julia and processor: it copies the
sources, notes what a first start compiles, and loads the copy as a package, which makes
Julia keep its compiled form in a depot of its own beside it. From Julia 1.9 on that holds
machine code, before that the results of type inference.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from taskq_kernel.errors import SetupError, TaskqError
from taskq_kernel.local.processes import file_lock
from taskq_worker.julia.command import JuliaCommand, julia_identity, julia_version
from taskq_worker.julia.juliacall_command import JuliacallCommand
from taskq_worker.julia.sources import JULIA_SOURCES
from taskq_worker.julia.trial import try_start

log = logging.getLogger(__name__)

Command = TypeVar("Command", bound=JuliaCommand | JuliacallCommand)

#: The folder of compiled runners, in a user's data folder.
RUNNERS = "runners"
#: In the folder of one: it is whole.
_READY = "ready"
#: How long each of the two starts that compile may take.
_TIMEOUT_S = 300.0
#: After how long without use a compiled runner is removed.
_UNUSED_S = 90 * 86400.0


def compile_ahead(command: Command, cache: Path) -> Command:
    """The command, with a runner that is compiled already.

    Takes some seconds the first time, and a millisecond from then on. Several processes
    may ask at once.

    Parameters
    ----------
    command : JuliaCommand or JuliacallCommand
        Which Julia, and how it is started. What juliacall loads is compiled by the julia
        program beside it, which keeps it in the same form.
    cache : Path
        The folder of compiled runners. Made if it is not there.

    Returns
    -------
    JuliaCommand or JuliacallCommand
        The command as it was, where Julia could not do it or the folder cannot be written;
        the log says why.
    """
    julia = command if isinstance(command, JuliaCommand) else JuliaCommand(command.juliacall.executable)
    if os.pathsep in str(cache):
        log.warning("the runner is not compiled ahead: Julia would take %s for several folders", cache)
        return command
    try:
        folder = cache / _key(julia)
        if not (folder / _READY).exists():
            _compile(julia, folder)
        os.utime(folder / _READY)
    except (TaskqError, OSError) as error:
        log.warning("the runner could not be compiled ahead, so each Julia process starts later: %s", error)
        return command
    return replace(command, sources=folder)


def _key(command: JuliaCommand) -> str:
    """A name for all that decides whether what was compiled can be used."""
    major, minor, _patch = julia_version(str(command.executable))
    sources = (f"{name}:{(JULIA_SOURCES / name).read_text('utf-8')}" for name in _sources())
    parts = [julia_identity(command.executable), *sources]
    return f"julia-{major}.{minor}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]}"


def _sources() -> list[Path]:
    """The runner's files, relative to its folder."""
    return sorted(path.relative_to(JULIA_SOURCES) for path in JULIA_SOURCES.rglob("*.jl"))


def _compile(command: JuliaCommand, folder: Path) -> None:
    if not folder.parent.exists():
        folder.parent.mkdir(parents=True)
        folder.parent.chmod(0o755)  # whatever the umask: task users read there
    with file_lock(folder.with_name(f"{folder.name}.lock"), timeout_s=2 * _TIMEOUT_S):
        if (folder / _READY).exists():  # another process has done it meanwhile
            return
        begun = time.monotonic()
        log.info("compiling the runner for %s, once", command.executable)
        _remove_unused(folder.parent)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            _compile_into(folder, command)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        (folder / _READY).touch()
        log.info("compiled the runner in %.1f s", time.monotonic() - begun)


def _compile_into(folder: Path, command: JuliaCommand) -> None:
    folder.mkdir()
    for name in _sources():
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(JULIA_SOURCES / name, folder / name)
    _run(replace(command, sources=folder), [f"--trace-compile={folder / 'statements.jl'}"])
    # From here on main.jl takes the package, which this start compiles.
    (folder / "runner.jl").rename(folder / "TaskqRunner.jl")
    _run(replace(command, sources=folder), [])
    if not any((folder / "compiled").rglob("*.ji")):
        raise SetupError(f"{command.executable} has kept nothing in {folder / 'compiled'}")
    _let_everybody_read(folder)


def _run(command: JuliaCommand, options: list[str]) -> None:
    """Start the runner as a slot would, whatever packages whoever is first may have."""
    environment = {"JULIA_PROJECT": None, "JULIA_DEPOT_PATH": f"{command.sources}:", "JULIA_LOAD_PATH": "@stdlib"}
    try_start(command, environment=environment, options=options, timeout_s=_TIMEOUT_S)


def _remove_unused(cache: Path) -> None:
    for ready in cache.glob(f"*/{_READY}"):
        if time.time() - ready.stat().st_mtime > _UNUSED_S:
            shutil.rmtree(ready.parent, ignore_errors=True)


def _let_everybody_read(folder: Path) -> None:
    """Whatever the umask: tasks may run as other users."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
