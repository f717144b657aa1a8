"""Which Julia the worker runs.

The first of these that is Julia 1.5 or newer:

1. the setting ``julia`` (``TASKQ_JULIA``); if it is set, nothing else is looked at,
2. ``julia`` on ``PATH``,
3. the official release, if juliapkg has installed one into this Python environment,
4. the one that ``scripts/setup`` unpacked into a data folder: the one in use, or the user's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from taskq_kernel.errors import SetupError
from taskq_kernel.settings import Settings, default_home, user_home

#: The runner uses nothing newer.
OLDEST_VERSION = (1, 5)
#: How long ``julia --version`` may take, in seconds. It is 0.02 where the disk is quick.
VERSION_TIMEOUT_S = 60.0
#: In a Python environment: a file with the path of the Julia that set-up made for it.
POINTER = Path("share/taskq/julia")

_MEND = (
    "`scripts/setup` in a clone of taskq gets one,"
    " or install Julia and set TASKQ_JULIA to the path of its julia program"
)


@dataclass(frozen=True)
class JuliaInstall:
    """A Julia that can be run.

    Attributes
    ----------
    path : Path
        The ``julia`` program.
    version : str
        Such as ``1.10.4``.
    source : str
        How it was found: ``TASKQ_JULIA``, ``PATH``, ``juliapkg`` or ``set-up``.
    """

    path: Path
    version: str
    source: str

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor version."""
        return release_of(self.version)


def release_of(version: str) -> tuple[int, int]:
    """Major and minor number of a version such as ``1.10.4``."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def thread_setting(release: tuple[int, int], threads: int) -> str:
    """The value of ``JULIA_NUM_THREADS`` with which Julia has so many threads, and no other.

    From 1.12 on there is one more, "interactive", unless that is set to zero: what a task
    leaves running there would run on beside the next task. Before, there is none, and as an
    option of the program, which juliacall makes of it, zero is refused.
    """
    return f"{threads},0" if release >= (1, 12) else str(threads)


def find_julia(settings: Settings) -> JuliaInstall:
    """The Julia to run.

    Raises
    ------
    SetupError
        If there is none. It names every place that was looked at, and how to get Julia.
    """
    if settings.julia is not None:
        found = _try(settings.julia, "TASKQ_JULIA")
        if isinstance(found, JuliaInstall):
            return found
        raise SetupError(f"TASKQ_JULIA is {settings.julia!r}: {found}")
    tried = []
    for program, source in _candidates(settings.home):
        found = _try(program, source)
        if isinstance(found, JuliaInstall):
            return found
        tried.append(f"{program}: {found}")
    raise SetupError(f"no Julia 1.5 or newer was found ({'; '.join(tried)}); {_MEND}")


def find_others(settings: Settings) -> list[JuliaInstall]:
    """The Julias that projects can have beside that one.

    Raises
    ------
    SetupError
        If one is none, or cannot be run. It is named.
    """
    found = [(program, _try(program, "TASKQ_OTHER_JULIAS")) for program in settings.other_julias]
    for program, julia in found:
        if not isinstance(julia, JuliaInstall):
            raise SetupError(f"TASKQ_OTHER_JULIAS has {program!r}: {julia}")
    return [julia for _program, julia in found if isinstance(julia, JuliaInstall)]


def _candidates(home: Path) -> Iterator[tuple[str, str]]:
    yield "julia", "PATH"
    environment = Path(sys.prefix)
    juliapkg = environment / "julia_env" / "pyjuliapkg"
    yield _recorded(juliapkg) or str(juliapkg / "install" / "bin" / "julia"), "juliapkg"
    if (environment / POINTER).is_file():
        yield os.fsdecode((environment / POINTER).read_bytes().strip()), "set-up"
    for folder in dict.fromkeys((home, default_home(), user_home())):
        yield str(folder / "julia" / "bin" / "julia"), "set-up"


def _recorded(juliapkg: Path) -> str | None:
    """The Julia that juliapkg chose, which may be one that it did not install."""
    try:
        return str(json.loads((juliapkg / "meta.json").read_text("utf-8"))["executable"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _try(program: str, source: str) -> JuliaInstall | str:
    """The Julia behind a name or path, or why it cannot be used."""
    path = shutil.which(Path(program).expanduser())
    if path is None:
        return "not there" if "/" in program else "not on PATH"
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, encoding="utf-8", errors="replace", timeout=VERSION_TIMEOUT_S,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"cannot be run: {error}"
    version = re.search(r"^julia version (\d+\.\d+\.\S+)", answer.stdout, re.MULTILINE)
    if version is None:
        said = " ".join((answer.stdout + answer.stderr).split())[:200]
        return f"is not Julia; asked for its version, it said {said!r} (exit code {answer.returncode})"
    # Not resolved: juliaup's launcher and busybox-like wrappers go by the name they are called.
    found = JuliaInstall(Path(path).absolute(), version[1], source)
    return found if found.release >= OLDEST_VERSION else f"is Julia {found.version}, which is older than 1.5"
