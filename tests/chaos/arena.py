"""The place of one run: its folders, a small disk for the databases, and the environment.

Everything that the stack makes lies below one folder, so that whatever is left at the end
can be found: a file, a socket, or a process that mentions the folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import psutil
from taskq_worker.sandbox.task_user import TRANSIENT_UIDS

#: Size of the disk that the databases are on, in bytes.
DISK_BYTES = 768 << 20


class Arena:
    """The folders of one run; a context manager that removes them."""

    def __init__(self) -> None:
        # A short path: it holds sockets, whose names may have about a hundred characters.
        self.root = Path(tempfile.mkdtemp(prefix="tqc-"))
        self.root.chmod(0o711)  # tasks may run as another user, and must reach `effects`
        self.home = self.root / "home"
        self.temporary = self.root / "tmp"
        self.effects = self.root / "effects"
        self.hook_flag = self.root / "hook"
        self.hook_counts = self.root / "hook-counts"
        for folder in (self.home, self.temporary, self.effects):
            folder.mkdir()
        self.temporary.chmod(0o1777)
        self.effects.chmod(0o1777)
        self.disk = SmallDisk(self.root)

    @property
    def tasks_database(self) -> Path:
        """The task database's file."""
        return self.disk.folder / "tasks.db"

    @property
    def results_database(self) -> Path:
        """The results database's file."""
        return self.disk.folder / "results.db"

    def environment(self) -> dict[str, str]:
        """What the stack's processes are given beside their own."""
        # The stack runs the very code that this process would import.
        code = [import_module(name).__path__[0] for name in ("taskq_kernel", "taskq_worker", "taskq_sink")]
        path = [str(Path(__file__).parent / "hook"), *(str(Path(one).parent) for one in code)]
        path.append(os.environ.get("PYTHONPATH", ""))
        # A task may be tried in another slot, and goes on there in the file of its first try.
        one_user = {"TASKQ_TASK_USER": str(TRANSIENT_UIDS[0])} if os.geteuid() == 0 else {}
        return one_user | {
            "TASKQ_DATABASE": f"sqlite:///{self.tasks_database}",
            "TASKQ_RESULTS_DATABASE": f"sqlite:///{self.results_database}",
            "TASKQ_RESTART": "false",  # faults say themselves how long a part stays away
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": os.pathsep.join(part for part in path if part),
            "CHAOS_HOOK_FLAG": str(self.hook_flag),
            "CHAOS_HOOK_COUNTS": str(self.hook_counts),
        }

    def keep(self, folder: Path) -> None:
        """Copy the logs and the databases, for whoever wants to know what went wrong."""
        shutil.copytree(self.home / "logs", folder, dirs_exist_ok=True)
        for database in (self.tasks_database, self.results_database):
            for path in database.parent.glob(f"{database.name}*"):
                shutil.copy(path, folder)

    def __enter__(self) -> Arena:
        self._before = dict(os.environ)
        os.environ.update(self.environment())
        self.disk.mount()
        return self

    def __exit__(self, *_: object) -> None:
        self.disk.unmount()
        os.environ.clear()
        os.environ.update(self._before)
        shutil.rmtree(self.root, ignore_errors=True)


class SmallDisk:
    """A file system of its own where that is permitted; else a folder on the common one."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "disk"
        self.folder.mkdir()
        self._image = root / "disk.img"
        self._filler = self.folder / "filler"
        self.mounted = False
        self.why_not = ""

    def mount(self) -> None:
        """Mount it, or keep in `why_not` why it cannot be."""
        with self._image.open("wb") as image:
            image.truncate(DISK_BYTES)
        made = run_quietly("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        made = made or run_quietly("mount", "-o", "loop", str(self._image), str(self.folder))
        if made and os.geteuid() == 0:
            made = run_quietly("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(self.folder))
        self.mounted, self.why_not = not made, made

    def unmount(self) -> None:
        """Undo `mount`."""
        if self.mounted:
            # Lazily, for a process that should have ended and did not must not keep the mount.
            run_quietly("umount", str(self.folder)) and run_quietly("umount", "-l", str(self.folder))
            self.mounted = False

    @contextmanager
    def full(self, pids: list[int]) -> Iterator[str]:
        """Leave no room; without a disk of its own, forbid ``pids`` to let a file grow."""
        if not self.mounted:
            with _no_longer_files(pids):
                yield "quota"
            return
        try:
            with self._filler.open("wb", buffering=0) as filler:
                for size in (1 << 26, 1 << 22, 1 << 18):
                    _reserve_until_full(filler.fileno(), size)
                for size in (4096, 1):
                    _write_until_full(filler.fileno(), size)
            yield "disk"
        finally:
            self._filler.unlink(missing_ok=True)

    @contextmanager
    def read_only(self, database: Path, pids: list[int]) -> Iterator[str]:
        """Make one database immutable, for processes that have it open already, too."""
        files = [str(path) for path in database.parent.glob(f"{database.name}*")]
        failed = run_quietly("chattr", "+i", *files)
        if failed:
            with _no_longer_files(pids):
                yield "quota"
            return
        try:
            yield "chattr"
        finally:
            run_quietly("chattr", "-i", *files)


def _reserve_until_full(descriptor: int, size: int) -> None:
    """Take room without writing it, which is quick."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    try:
        while True:
            os.posix_fallocate(descriptor, end, size)
            end = os.lseek(descriptor, 0, os.SEEK_END)
    except OSError:
        return


def _write_until_full(descriptor: int, size: int) -> None:
    block = bytes(size)
    try:
        while os.write(descriptor, block) == size:
            pass
    except OSError:
        return


@contextmanager
def _no_longer_files(pids: list[int]) -> Iterator[None]:
    """No file of these processes may grow: what a full disk is without a disk to fill."""
    before: list[tuple[psutil.Process, tuple[int, int]]] = []
    for pid in pids:
        process = psutil.Process(pid)
        limits = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (1, limits[1]))
        before.append((process, limits))
    try:
        yield
    finally:
        for process, limits in before:
            if process.is_running():
                process.rlimit(psutil.RLIMIT_FSIZE, limits)


def run_quietly(*command: str, timeout_s: float = 30.0) -> str:
    """Run a command; the reason if it failed, else an empty text."""
    try:
        done = subprocess.run(list(command), capture_output=True, text=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}"
    return "" if done.returncode == 0 else (done.stderr or done.stdout or f"{command[0]} failed").strip()
