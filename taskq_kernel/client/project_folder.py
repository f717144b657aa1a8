"""Which files of a folder are a project, and what is in them.

Git knows which files belong to a folder: what it tracks, and what it does not ignore; so uncommitted
changes and new files go along. Where there is no git, ``.gitignore`` is read as git reads it. What
``.taskqignore`` names in the same words stays out as well, and what it names after a ``!`` goes along
although git ignores it. So do the files that say which packages there are: git often ignores a
``Manifest.toml``, and the same packages are what a project is sent for.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from taskq_kernel.client.digests import Changed, Digests, State
from taskq_kernel.client.display import size_text
from taskq_kernel.client.refusals import refused
from taskq_kernel.julia_manifest import PROJECT_NAMES, manifest_files
from taskq_kernel.project_manifest import DIRTY, ProjectFile, ProjectManifest

if TYPE_CHECKING:
    import pathspec

IGNORE = ".taskqignore"
#: What goes along although git ignores it, from the folder itself.
_PACKAGE_FILES = (*PROJECT_NAMES, "LocalPreferences.toml", "JuliaLocalPreferences.toml")
#: How many files an error names.
_NAMED = 5


@dataclass(frozen=True)
class Limits:
    """How large a project may be."""

    size_bytes: int
    files: int


class FolderReader:
    """Reads a folder as a project, again and again; what has not changed is not read twice.

    Parameters
    ----------
    folder : Path
        Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._digests = Digests()

    def read(self, limits: Limits) -> ProjectManifest:
        """The project that the folder is now.

        Raises
        ------
        InvalidTask
            If it is larger than allowed, has no files, or one that cannot be read. It is named.
        Changed
            If files change, come or go meanwhile.
        """
        found = {path: self._state(path) for path in wanted_files(self.folder)}
        _check_size({path: state.size for path, state in found.items()}, limits)
        if not found:
            raise refused(f"is {str(self.folder)!r}, in which there is no file to send", "project")
        return ProjectManifest(
            ProjectFile(path, self._digest(path, state), state.size, state.is_executable)
            for path, state in found.items()
        )

    def _state(self, path: str) -> State:
        try:
            return State.of(self.folder / path)
        except FileNotFoundError:  # it was there when the folder was listed
            raise Changed from None
        except OSError as error:
            raise _unreadable(path, error) from error

    def _digest(self, path: str, state: State) -> str:
        try:
            return self._digests.of(self.folder / path, state)
        except OSError as error:
            raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> Exception:
    return refused(f"has {path!r}, which cannot be read ({error.strerror}): leave it out with a {IGNORE}", "project")


def _check_size(sizes: dict[str, int], limits: Limits) -> None:
    total, count = sum(sizes.values()), len(sizes)
    passed = []
    if total > limits.size_bytes:
        passed.append(f"{size_text(total)} where {size_text(limits.size_bytes)} are allowed")
    if count > limits.files:
        passed.append(f"{count:,} files where {limits.files:,} {'is' if limits.files == 1 else 'are'} allowed")
    if not passed:
        return
    largest = sorted(sizes, key=lambda path: (-sizes[path], path))[:_NAMED]
    named = ", ".join(f"{path} ({size_text(sizes[path])})" for path in largest)
    raise refused(
        f"has {' and '.join(passed)}; the largest are {named}. Name what is not needed in a "
        f"{IGNORE}, or raise the settings project_size and project_files, here and at the service", "project",
    )


# -- which files ---------------------------------------------------------------------------


def wanted_files(folder: Path) -> list[str]:
    """The files of a folder that make the project, by their paths in it.

    Raises
    ------
    InvalidTask
        If one is a link to a folder: whether that is to be followed, nobody can know.
    """
    ignore = _spec(folder / IGNORE)
    belongs = _git_files(folder) or list(_walk(folder))  # nothing: git has no such folder, or ignores all of it
    wanted = {path for path in (*belongs, *_package_files(folder)) if _said(ignore, path) is not True}
    if ignore is not None and any(line.startswith("!") for line in _lines(folder / IGNORE)):
        wanted.update(path for path in _walk(folder, everything=True) if _said(ignore, path) is False)
    return sorted(path for path in wanted if _is_file(folder, path))


def _said(ignore: pathspec.GitIgnoreSpec | None, path: str) -> bool | None:
    """Whether a path is named: to be left out, or, False, to go along."""
    return ignore.check_file(path).include if ignore is not None else None


def _package_files(folder: Path) -> list[str]:
    found = [folder / name for name in _PACKAGE_FILES if (folder / name).is_file()]
    return [path.relative_to(folder).as_posix() for path in (*found, *manifest_files(folder))]


def _is_file(folder: Path, path: str) -> bool:
    """Whether there is a file; what git tracks may be gone."""
    full = folder / path
    if full.is_symlink() and full.is_dir():
        raise refused(
            f"has {path!r}, a link to a folder: name it in a {IGNORE}, without a / behind it, or have the folder "
            "itself there",
            "project",
        )
    return full.is_file()


def _git_files(folder: Path) -> list[str]:
    """What git has in a folder, those repositories included that lie in it; nothing where there is no git."""
    said = git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    found: list[str] = []
    for name in (said or b"").split(b"\0"):
        path = os.fsdecode(name).rstrip("/")
        full = folder / path
        if path and full.is_dir() and not full.is_symlink():  # a repository of its own
            found += [f"{path}/{inner}" for inner in _git_files(full) or _walk(full)]
        elif path:
            found.append(path)
    return found


def git(folder: Path, *arguments: str) -> bytes | None:
    """What git says about a folder; None where there is no git, or it knows no such folder."""
    # Its index is left alone: whoever works there may want to write it at this moment.
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        said = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    except OSError:
        return None
    return said.stdout if said.returncode == 0 else None


def git_commit(folder: Path) -> str | None:
    """The commit that a folder is at, with ``-dirty`` behind it where files have changed; None without git."""
    commit = git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit or not commit.strip():
        return None
    dirty = git(folder, "status", "--porcelain", "--", ".")
    return commit.decode("ascii", "replace").strip() + (DIRTY if dirty is None or dirty.strip() else "")


def _walk(folder: Path, *, everything: bool = False) -> Iterator[str]:
    """The files of a folder that its ``.gitignore`` files do not name, without git."""
    ignore = _GitIgnore(folder)
    for parent, folders, files in os.walk(folder):
        above = Path(parent).relative_to(folder)
        # A link to a folder is looked at as a file is.
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        folders[:] = [
            name for name in folders
            if name != ".git" and name not in links and (everything or not ignore.ignores(f"{above / name}/"))
        ]
        for name in (*files, *links):
            path = (above / name).as_posix()
            if everything or not ignore.ignores(path):
                yield path


class _GitIgnore:
    """What the ``.gitignore`` files of a folder name; the one nearest to a file has the last word."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._specs: dict[str, pathspec.GitIgnoreSpec | None] = {}

    def ignores(self, path: str) -> bool:
        names = path.rstrip("/").split("/")
        # What lies in a folder that is ignored is ignored, whatever is said of it.
        parts = [f"{'/'.join(names[:depth])}/" for depth in range(1, len(names))] + [path]
        return any(self._named(part) for part in parts)

    def _named(self, path: str) -> bool:
        names = path.rstrip("/").split("/")
        for depth in range(len(names) - 1, -1, -1):
            above = "/".join(names[:depth])
            spec = self._spec_of(above)
            said = spec.check_file(path[len(above) + 1 if above else 0 :]).include if spec is not None else None
            if said is not None:
                return said
        return False

    def _spec_of(self, above: str) -> pathspec.GitIgnoreSpec | None:
        if above not in self._specs:
            self._specs[above] = _spec(self._folder / above / ".gitignore")
        return self._specs[above]


def _spec(file: Path) -> pathspec.GitIgnoreSpec | None:
    lines = _lines(file)
    if not lines:
        return None
    # late: few commands send a folder
    import pathspec

    return pathspec.GitIgnoreSpec.from_lines(lines)


def _lines(file: Path) -> Sequence[str]:
    try:
        return file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ()

