"""Fresh places for tests: a copy of the sources, an empty Python environment, an ordinary user."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

#: What is never part of the sources, where git cannot tell.
_BUILT = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", "node_modules", "build", "dist", "test-results", "*.egg-info", ".*_cache",
    ".ipynb_checkpoints", ".hypothesis",
)  # fmt: skip
#: A user id that has no account: nothing on the machine belongs to it.
_NOBODYS_ID = 54_321


def copy_sources(place: Path) -> Path:
    """Copy what belongs to the repository, and nothing that was built in it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        return Path(shutil.copytree(ROOT, place, ignore=_BUILT))
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_file():  # not one that was deleted and is still in the index
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, place / name)
    return place


@functools.cache
def pythons() -> dict[str, str]:
    """The Python interpreters of this machine that taskq declares, by version."""
    found = {f"3.{sys.version_info.minor}": sys.executable}
    for version in ("3.11", "3.12", "3.13", "3.14"):
        for program in _interpreters(version):
            if version not in found and _runs(program, version):
                found[version] = program
    return dict(sorted(found.items()))


def _interpreters(version: str) -> Iterable[str]:
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True))


def _runs(program: str, version: str) -> bool:
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([program, "-c", code], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == version


def run(command: list[str], timeout_s: float = 300, **options: object) -> str:
    """Run a program to its end; what it said, or a failure with all it said."""
    done = subprocess.run(  # type: ignore[call-overload]  # the options are subprocess.run's own
        command,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        check=False,
        **options,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return str(done.stdout)


def missing(what: str) -> None:
    """Something that a test needs is not to be had: a failure under CI, a skip with its reason elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def clean_environment() -> dict[str, str]:
    """This process's environment, without what would lead Python or taskq back to it."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TASKQ_", "PYTHON", "JUPYTER", "VIRTUAL_ENV"))
    }


@dataclass(frozen=True)
class OrdinaryUser:
    """A user who owns nothing but one folder, and has no account."""

    home: Path
    uid: int

    @classmethod
    def make(cls, home: Path) -> OrdinaryUser:
        """Another user where this process may become one, else a fresh home for this user."""
        home.mkdir(parents=True, exist_ok=True)
        user = cls(home, _NOBODYS_ID if os.geteuid() == 0 else os.geteuid())
        user.own(home)
        return user

    def own(self, folder: Path) -> None:
        """Give a folder and all in it to this user."""
        if self.uid == os.geteuid():
            return
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self.uid, self.uid, follow_symlinks=False)
        for parent in folder.parents:
            if parent.owner() == "root" and str(parent).startswith(("/tmp/", "/var/tmp/")):  # noqa: S108
                parent.chmod(parent.stat().st_mode | 0o011)

    @property
    def identity(self) -> dict[str, object]:
        """Arguments of `subprocess` that make a program run as this user."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.uid, "extra_groups": []}

    def may_run(self, program: str, *arguments: str) -> bool:
        """Whether this user can run a program, all the way to its end."""
        # Through a shell: this process's rights must not help in finding the program.
        command = ["/bin/sh", "-c", 'exec "$0" "$@"', program, *arguments]
        done = subprocess.run(command, capture_output=True, cwd=self.home, check=False, **self.identity)  # type: ignore[call-overload]
        return bool(done.returncode == 0)

    def python(self) -> str:
        """A Python 3.11 or newer that this user may run and make environments with."""
        code = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
        for program in (sys.executable, *pythons().values(), "/usr/bin/python3"):
            if self.may_run(program, "-c", code):
                return program
        pytest.skip("no Python 3.11 or newer that an ordinary user may run and make environments with")
