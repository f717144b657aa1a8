"""A folder that tasks have at hand: its packages, its modules, its data."""

from __future__ import annotations

import hashlib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from taskq_kernel.client import operations
from taskq_kernel.client.digests import Changed
from taskq_kernel.client.display import size_text
from taskq_kernel.client.project_folder import FolderReader, Limits, git_commit
from taskq_kernel.client.refusals import refused
from taskq_kernel.client.uploads import Source, send_missing
from taskq_kernel.errors import InvalidTask
from taskq_kernel.julia_manifest import made_with, manifest_files, packages_of, project_file, read_toml
from taskq_kernel.project_manifest import ProjectFile, ProjectManifest, project_id
from taskq_kernel.settings import load_settings

if TYPE_CHECKING:
    from taskq_kernel.client.session import Session

T = TypeVar("T")

#: How often a folder is read again that changes while it is sent.
_ATTEMPTS = 3
#: How long the service is not asked again whether it has what it had, in seconds.
_KNOWN_S = 3600.0


@dataclass(frozen=True)
class SentProject:
    """A project that the service has: what a folder was at one moment.

    Attributes
    ----------
    id : str
        The SHA-256 of its manifest.
    commit : str or None
        The git commit that the folder was at, with ``-dirty`` behind it where files had changed.
    """

    id: str
    commit: str | None = None

    def send(self) -> SentProject:
        """Itself: it is sent."""
        return self

    def as_options(self) -> dict[str, Any]:
        """What says so at a submission, with the names of GraphQL's ``TaskInput``."""
        return {"project": self.id} | ({} if self.commit is None else {"projectCommit": self.commit})


class ProjectSource(ABC):
    """What a project is made of anew with each submission that is given it."""

    def __init__(self, client: Session) -> None:
        self._client = client
        self._sent: SentProject | None = None
        self._sent_at = 0.0

    @abstractmethod
    def send(self) -> SentProject:
        """Send it as it is now, if the service does not have it; a submission does it by itself."""

    def _send(
        self, manifest: ProjectManifest, sources: Mapping[str, Source], julia: Sequence[str] = (),
        commit: str | None = None,
    ) -> SentProject:
        """Send what the service lacks of a project, whose files are read from ``sources``, by their SHA-256."""
        encoded = manifest.encode()
        name = project_id(encoded)
        if self._sent is None or self._sent.id != name or time.monotonic() - self._sent_at > _KNOWN_S:
            manifest_file = Source("its manifest", partial(BytesIO, encoded))
            send_missing(self._client.transport, {**sources, name: manifest_file}, "project")
            operations.register_project(self._client.transport, name, julia)
            self._sent_at = time.monotonic()
        self._sent = SentProject(name, commit)
        return self._sent


class Project(ProjectSource):
    """A folder that tasks have at hand; `Client.project` makes one.

    A task that is given it has the folder as it is when the task is submitted: uncommitted changes
    too, without what git ignores or a ``.taskqignore`` names. Only files that the service does not
    have are sent.

    Attributes
    ----------
    folder : Path
        Where it is.
    """

    def __init__(self, client: Session, folder: Path) -> None:
        super().__init__(client)
        self.folder = folder
        self._reader = FolderReader(folder)

    def files(self) -> dict[str, int]:
        """The files that it is made of, with their lengths in bytes, as the folder is now.

        Raises
        ------
        InvalidTask
            As for `send`.
        """
        return self._read(lambda manifest: {file.path: file.size for file in manifest.files})

    def send(self) -> SentProject:
        """Send the folder as it is now, if the service does not have it; a submission does it by itself.

        Raises
        ------
        InvalidTask
            If it is larger than allowed, or a file of it cannot be read or lies elsewhere. It is named.
        ServiceUnreachable
            If the service does not answer.
        """
        return self._read(self._send_folder)

    def _read(self, take: Callable[[ProjectManifest], T]) -> T:
        """What is made of the folder as it is now; it is read again where it changes meanwhile."""
        settings = load_settings()
        for _ in range(_ATTEMPTS):
            with suppress(Changed):
                manifest = self._reader.read(Limits(settings.project_size, settings.project_files))
                _check_dependencies(self.folder, manifest)
                return take(manifest)
        raise refused(f"is {str(self.folder)!r}, whose files change while they are sent: try it again", "project")

    def _send_folder(self, manifest: ProjectManifest) -> SentProject:
        files = {file.sha256: Source(file.path, partial(self._unchanged, file)) for file in manifest.files}
        return self._send(manifest, files, made_with(self.folder), git_commit(self.folder))

    @contextmanager
    def _unchanged(self, file: ProjectFile) -> Iterator[BinaryIO]:
        """A file, open, if it is still what it was."""
        try:
            opened = (self.folder / file.path).open("rb")
        except FileNotFoundError:
            raise Changed from None
        with opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != file.sha256:
                raise Changed
            yield opened

    def __reduce__(self) -> tuple[Any, ...]:
        return Project, (self._client, self.folder)

    def __repr__(self) -> str:
        try:
            sizes = self.files()
        except InvalidTask as error:
            return f"<project {self.folder.name}: {error}>"
        count, size = len(sizes), size_text(sum(sizes.values()))
        return f"<project {self.folder.name}: {count} file{'s' * (count != 1)}, {size}>"


def open_project(client: Session, folder: str | os.PathLike[str]) -> Project:
    """The project in a folder; see `Client.project`."""
    try:
        path = Path(folder).expanduser().resolve()
        there = str(folder) != "" and path.is_dir()  # an empty text is a variable that was not set, and not this folder
    except (OSError, ValueError, RuntimeError):  # no path, too long a one, or of a user whom nobody knows
        there = False
    if not there:
        raise refused(f"is {str(folder)!r}, which is no folder: give the one that holds your Project.toml", "project")
    return Project(client, path)


def _check_dependencies(folder: Path, manifest: ProjectManifest) -> None:
    """Refuse packages that lie elsewhere: no worker would find them."""
    files = (*filter(None, (project_file(folder),)), *manifest_files(folder))
    outside = [
        f"{name} ({path})" for file in files if manifest.find(file.relative_to(folder).as_posix()) is not None
        for name, path in _paths_in(read_toml(file)) if _leads_out(path)
    ]
    if outside:
        raise refused(
            f"needs packages that lie outside of {str(folder)!r}: {', '.join(dict.fromkeys(outside))}. Have them in "
            "the folder, with a path relative to it, or give the folder that holds both",
            "project",
        )


def _paths_in(read: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The packages that a manifest, or the ``[sources]`` of a project, has at a path."""
    sources = read.get("sources")
    for name, entry in sources.items() if isinstance(sources, dict) else ():
        if isinstance(entry, dict) and isinstance(entry.get("path"), str):
            yield name, entry["path"]
    for name, entries in packages_of(read).items():
        yield from ((name, one["path"]) for one in entries if isinstance(one.get("path"), str))


def _leads_out(path: str) -> bool:
    normal = Path(os.path.normpath(path))
    return normal.is_absolute() or normal.parts[:1] == (os.pardir,)
