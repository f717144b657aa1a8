"""The files of a project, fetched from the service into a folder: all of them, or none."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, TypeVar

from taskq_kernel.errors import NotFound
from taskq_kernel.project_manifest import MAX_MANIFEST_BYTES, ProjectFile, ProjectManifest, decode_manifest
from taskq_worker.claims.passed import Fetch
from taskq_worker.claims.patience import patiently
from taskq_worker.projects.errors import FilesMissing, NoRoom
from taskq_worker.projects.store import Entry

#: How many files are fetched at once.
AT_ONCE = 4

T = TypeVar("T")


async def lay_out(project: str, entry: Entry, fetch: Fetch) -> None:
    """Fetch a project into its entry, whose lock this process holds alone.

    Raises
    ------
    FilesMissing
        If a file is no longer kept.
    NoRoom
        If the disk does not take it.
    """
    try:
        await asyncio.to_thread(entry.clear)
        encoded = BytesIO()
        await _had(project, lambda: fetch(project, encoded, MAX_MANIFEST_BYTES))
        manifest = decode_manifest(encoded.getvalue())
        tree = entry.part / "tree"
        await asyncio.to_thread(_make_folders, tree, manifest)
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(file: ProjectFile) -> None:
            async with turns:
                await _had(project, lambda: _write(file, tree, fetch))

        await _all_or_none([asyncio.ensure_future(one(file)) for file in manifest.files])
        # What another process finds under the entry's name is whole.
        entry.part.rename(entry.folder)
    except OSError as error:
        said = error.strerror or str(error)
        raise NoRoom(f"its files cannot be laid out: {said} ({error.filename or entry.folder})") from error


async def _all_or_none(work: Sequence[asyncio.Future[None]]) -> None:
    """Wait for all; where one fails, or nobody waits any longer, nothing goes on."""
    try:
        await asyncio.gather(*work)
    finally:
        for one in work:
            one.cancel()
        await asyncio.gather(*work, return_exceptions=True)


def _make_folders(tree: Path, manifest: ProjectManifest) -> None:
    tree.mkdir(parents=True)
    for folder in sorted({Path(file.path).parent for file in manifest.files}):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    for parent, _, _ in os.walk(tree.parent):
        Path(parent).chmod(0o755)  # whatever the umask


async def _write(file: ProjectFile, tree: Path, fetch: Fetch) -> None:
    path = tree / file.path
    opened: BinaryIO = path.open("wb")
    try:
        await fetch(file.sha256, opened, file.size)
        os.fchmod(opened.fileno(), 0o755 if file.executable else 0o644)
        await asyncio.to_thread(opened.close)
    finally:
        opened.close()  # it is still open where nothing came, or nobody waited for its end


async def _had(project: str, ask: Callable[[], Awaitable[T]]) -> T:
    """Get it however long the service is away; whoever no longer wants it cancels this."""
    try:
        return await patiently(ask)
    except NotFound:
        raise FilesMissing(f"a file of it is no longer kept ({project[:12]}): submit the task again") from None
