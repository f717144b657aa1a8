"""The README's Binder badges: whatever the clone's origin is, no traceback and no secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "binder" / "badges.py"


def badges(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], cwd=folder, capture_output=True, text=True, timeout=60
    )


def test_help_is_help() -> None:
    done = badges("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--update" in done.stdout


@pytest.mark.parametrize(
    "origin",
    [
        "", "  ", "/srv/git/taskq", "../taskq", "file:///srv/git/taskq.git", "C:\\src\\taskq", "gh:ann/taskq",
        "https://localhost:3000/ann/taskq", "http://[::1]/ann/taskq", "https://github.com/ann", "--",
        "not a repository", "https://github.com/ann/taskq?tab=readme", "https://u:secret@host/ann/taskq",
        "bundle.bundle",
    ],
)  # fmt: skip
def test_an_origin_that_binder_cannot_fetch_is_named_and_what_to_give(origin: str, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "config", "remote.origin.url", origin], cwd=tmp_path, check=True)
    done = badges(folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert "give" in done.stderr
    assert "secret" not in done.stderr


def test_a_folder_without_an_origin_says_so(tmp_path: Path) -> None:
    done = badges(folder=tmp_path)
    assert done.returncode == 2
    assert "no remote `origin`: give the repository's address" in done.stderr


@pytest.mark.parametrize(
    ("origin", "place"),
    [
        ("https://u:secret@github.com/ann/taskq.git", "gh/ann/taskq"),
        ("git://github.com/ann/taskq/", "gh/ann/taskq"),
        ("git@git.example.org:lab/deep/taskq.git", "git/https%3A%2F%2Fgit.example.org%2Flab%2Fdeep%2Ftaskq"),
    ],
)
def test_every_public_origin_has_its_badges_without_a_password(origin: str, place: str) -> None:
    done = badges(origin)
    assert done.returncode == 0
    assert f"/v2/{place}/HEAD?urlpath=" in done.stdout
    assert "secret" not in done.stdout
