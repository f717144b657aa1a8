"""How a slot starts Julia inside Python; see `juliacall_child`."""

from __future__ import annotations

import re
import site
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from taskq_kernel.local.julia import release_of, thread_setting
from taskq_kernel.local.julia_project import (
    Juliacall,
    juliacall_environment,
    project_folder,
    read_juliacall,
)
from taskq_worker.julia.process_key import DEFAULT_KEY, ProcessKey
from taskq_worker.julia.sources import JULIA_SOURCES

CHILD = Path(__file__).parent / "juliacall_child.py"


@dataclass(frozen=True)
class JuliacallCommand:
    """A Python process that has loaded juliacall.

    Parameters
    ----------
    juliacall : Juliacall
        What `taskq julia install` found.
    project : Path
        taskq's own Julia project.
    key : ProcessKey
        What each process is started with besides.
    sources : Path
        The folder with the runner; see `compiled` for another than the package's own.
    """

    juliacall: Juliacall
    project: Path
    key: ProcessKey = DEFAULT_KEY
    sources: Path = JULIA_SOURCES

    @property
    def kind(self) -> str:
        return "juliacall"

    def argv(self, requests_fd: int, frames_fd: int, ahead_fd: int) -> list[str]:
        # -P: the folder of the child is no place to import from. -u: what Python code in a
        # task prints comes when it is printed, as Julia's does.
        descriptors = map(str, (requests_fd, frames_fd, ahead_fd))
        return [sys.executable, "-P", "-u", str(CHILD), *descriptors, str(self.sources)]

    def environment(self) -> dict[str, str]:
        heap = self.key.heap_bytes
        hint = {} if heap is None else {"PYTHON_JULIACALL_HEAP_SIZE_HINT": heap_size(heap)}
        return dict(self.key.variables) | juliacall_environment(self.juliacall, self.project) | hint | {
            "JULIA_PROJECT": str(self.project),
            # What juliacall takes where it is not told otherwise.
            "JULIA_NUM_THREADS": thread_setting(release_of(self.juliacall.julia), self.key.threads),
            # Whatever locales this machine has.
            "PYTHONUTF8": "1",
            # The task's HOME is its own folder, and packages of this user may be in theirs.
            "PYTHONUSERBASE": site.getuserbase(),
        }

    def started_with(self, key: ProcessKey) -> JuliacallCommand:
        return replace(self, key=key)

    def takes_heap_size(self) -> bool:
        # The Julia that juliacall needs can; juliacall itself passes it on from this release.
        return tuple(int(part) for part in re.findall(r"\d+", self.juliacall.package)[:3]) >= (0, 9, 25)

    def needs(self) -> list[Path]:
        python = [Path(sys.executable), Path(sys.prefix), Path(sys.base_prefix), CHILD.parent]
        user_site = [Path(site.getuserbase())] if Path(site.getuserbase()).is_dir() else []
        julia = [Path(self.juliacall.bindir).parent, Path(self.juliacall.library), self.project, self.sources]
        return [*python, *user_site, *julia]

    def probe(self) -> list[str]:
        return [sys.executable, "-P", "-c", "import ctypes"]


def heap_size(heap_bytes: int) -> str:
    """A size as Julia's option takes it, in whole MiB: every release that has the option knows that unit."""
    return f"{max(1, heap_bytes >> 20)}M"


def find_juliacall(home: Path) -> JuliacallCommand:
    """The juliacall of a data folder, if it is ready to use.

    Raises
    ------
    SetupError
        If it is not, with the reason.
    """
    return JuliacallCommand(read_juliacall(home), project_folder(home))
