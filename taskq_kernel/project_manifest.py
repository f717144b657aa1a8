"""What a project is made of: the files of a folder, each by its path and its content.

A *manifest* lists them, in one order and one spelling, so that the same files are the same manifest
wherever they lie. Its SHA-256 names the project. Manifest and files are kept by the service as other
large values are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated

import msgspec

from taskq_kernel.errors import InvalidTask

#: The version of the format; a manifest of another one is refused.
VERSION = 1
#: The longest manifest that is read, in bytes.
MAX_MANIFEST_BYTES = 32 << 20
#: The longest path of a file: what file systems take, less what stands before it.
MAX_PATH_BYTES = 1024

#: What stands behind a git commit where files had changed since.
DIRTY = "-dirty"

_NAME = re.compile(r"[0-9a-f]{64}\Z")


class ProjectFile(msgspec.Struct, frozen=True, order=True):
    """One file of a project.

    Attributes
    ----------
    path : str
        Where it lies in the folder, with ``/`` between names.
    sha256 : str
        The SHA-256 of what is in it.
    size : int
        Its length, in bytes.
    executable : bool
        Whether it may be run as a program: all that is kept of its mode.
    """

    path: str
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    size: Annotated[int, msgspec.Meta(ge=0)]
    executable: bool = False


class _Manifest(msgspec.Struct, frozen=True):
    version: int
    files: list[ProjectFile]


class ProjectManifest:
    """The files of a project, in the order of their paths.

    Parameters
    ----------
    files : iterable of ProjectFile
        All of them, in any order.

    Raises
    ------
    InvalidTask
        If they cannot lie in one folder, or would lie outside of it.
    """

    def __init__(self, files: Iterable[ProjectFile]) -> None:
        self.files = sorted(files)
        _check_paths([file.path for file in self.files])

    @property
    def size(self) -> int:
        """How many bytes its files have, all together."""
        return sum(file.size for file in self.files)

    @property
    def refs(self) -> set[str]:
        """The SHA-256 of what is in its files, each once."""
        return {file.sha256 for file in self.files}

    def encode(self) -> bytes:
        """The manifest as it travels and as it is hashed."""
        return msgspec.json.encode(_Manifest(VERSION, self.files))

    def find(self, path: str) -> ProjectFile | None:
        """The file at a path, if there is one."""
        return next((file for file in self.files if file.path == path), None)


def project_id(encoded: bytes) -> str:
    """What names a project: the SHA-256 of its manifest."""
    return hashlib.sha256(encoded).hexdigest()


def is_project_id(text: str) -> bool:
    """Whether a text may name a project."""
    return _NAME.match(text) is not None


def decode_manifest(encoded: bytes) -> ProjectManifest:
    """Read a manifest.

    Raises
    ------
    InvalidTask
        If it is none, is of another version, or its files cannot lie in one folder.
    """
    try:
        found = msgspec.json.decode(encoded, type=_Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidTask(f"is no manifest of a project: {error}", "project") from error
    if found.version != VERSION:
        raise InvalidTask(f"is of version {found.version}, and this release reads {VERSION}", "project")
    return ProjectManifest(found.files)


def _check_paths(paths: list[str]) -> None:
    """Refuse what is no file of one folder. `paths` are sorted, so what is twice stands side by side."""
    folders: set[str] = set()
    for path in paths:
        names = path.split("/")
        if not path or "\0" in path or any(name in ("", ".", "..") for name in names):
            raise InvalidTask(f"has the path {path[:200]!r}, which does not lead to a file of its folder", "project")
        if any("\ud800" <= character <= "\udfff" for character in path):
            advice = "rename it, or leave it out with a .taskqignore"
            raise InvalidTask(f"has the path {path[:200]!r}, which is not UTF-8: {advice}", "project")
        if len(path.encode()) > MAX_PATH_BYTES:
            raise InvalidTask(f"has a path of more than {MAX_PATH_BYTES} bytes: {path[:80]!r}...", "project")
        folders.update("/".join(names[:depth]) for depth in range(1, len(names)))
    for before, path in pairwise(paths):
        if before == path:
            raise InvalidTask(f"has the file {path[:200]!r} twice", "project")
    for path in paths:
        if path in folders:
            raise InvalidTask(f"has {path[:200]!r} as a file and as a folder", "project")
