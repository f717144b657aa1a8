"""Node and the npm packages that tests need: esbuild, which builds the editor's bundle, axe-core, graphql-http."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from stacks import missing

JS = Path(__file__).parent.parent / "widgets" / "js"
#: What npm notes of the packages that it has installed; it is written last.
_INSTALLED = JS / "node_modules" / ".package-lock.json"
_INSTALL_TIMEOUT_S = 80


def node(*arguments: str, timeout_s: float = 110) -> None:
    """Run node in the folder of the JavaScript sources, with their packages installed."""
    packages()
    done = _run("node", *arguments, timeout_s=timeout_s)
    assert done.returncode == 0, done.stdout + done.stderr


def axe() -> str:
    """Return the source of axe-core."""
    return (packages() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def packages() -> Path:
    """Return the folder with the packages of the lock file, installed by npm if they are not there yet."""
    if problem := _problem():
        missing(problem)
    return _INSTALLED.parent


@functools.cache
def _problem() -> str:
    """Install the packages unless they are there; return what is in the way of that, once for all tests."""
    lock = JS / "package-lock.json"
    with lock.open() as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)  # tests run in several processes
        if _INSTALLED.exists() and _INSTALLED.stat().st_mtime >= lock.stat().st_mtime:
            return ""
        try:
            done = _run("npm", "ci", "--no-audit", "--no-fund", "--fetch-retries=1", timeout_s=_INSTALL_TIMEOUT_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"npm cannot install the packages in widgets/js ({error}); `scripts/setup --test` gets node and npm"
        return f"npm cannot install the packages in widgets/js: {done.stderr[-1500:]}" if done.returncode else ""


def _run(program: str, *arguments: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run a program of node's, that of this environment first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return subprocess.run(
        [shutil.which(program, path=path) or program, *arguments], cwd=JS, env=os.environ | {"PATH": path},
        capture_output=True, text=True, timeout=timeout_s, check=False,
    )  # fmt: skip
