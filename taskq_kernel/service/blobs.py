"""Large values: files named by their content, so that an upload can be repeated."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile, _TemporaryFileWrapper

from taskq_kernel.errors import InvalidTask, NotFound
from taskq_kernel.passed_values import MAX_PASSED_BYTES, passed_values
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.store.blob_refs import oldest_running_start, referenced
from taskq_kernel.task_files import GivenFiles
from taskq_kernel.typed_values import NPY_MAGIC
from taskq_kernel.value_files import HEAD_BYTES, is_archive

log = logging.getLogger(__name__)

#: A file younger than this is left alone, whether a task names it or not.
KEEP_S = 3600.0
#: How much is written at a time.
CHUNK_BYTES = 1 << 20

_NAME = re.compile(r"[0-9a-f]{64}")


class TooLarge(InvalidTask):
    """A value that is larger than the service takes."""


def media_type(path: Path) -> str:
    """What a value's file is: JSON, a NumPy file, or an archive of both."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if is_archive(head):
        return "application/x-tar"
    return "application/octet-stream" if head.startswith(NPY_MAGIC) else "application/json"


def no_value(digest: str) -> NotFound:
    """The error for a value that is not there, or not for the one who asks."""
    return NotFound(f"no value has the SHA-256 {digest}", "NOT_FOUND")


def check_files(blobs: Blobs, files: GivenFiles, limit_bytes: int, index: int | None = None) -> None:
    """Look whether the files that a new task is given are there.

    Raises
    ------
    InvalidTask
        If one is not, or has another length, or they are more than a task is given.
    """
    size = sum(file.size for file in files.values())
    if size > limit_bytes:
        largest = sorted(files, key=lambda name: -files[name].size)[:3]
        named = ", ".join(f"{name} ({files[name].size})" for name in largest)
        raise InvalidTask(
            f"has {size} bytes in {len(files)} files: one task is given {limit_bytes} at most (max_files_bytes); the "
            f"largest are {named}", "inputFiles", index,
        )
    for name, file in files.items():
        if not blobs.has(file.ref, file.size):
            raise InvalidTask(
                f"has {name!r} with {file.size} bytes and the SHA-256 {file.ref}, which is not there: upload it first",
                "inputFiles", index,
            )


def check_given(blobs: Blobs, arguments: str, index: int) -> None:
    """Look whether the values that stand among the arguments of a new task are there.

    Parameters
    ----------
    index : int
        The task's place among those that are submitted.

    Raises
    ------
    InvalidTask
        If one is not, or there is more than a task is given.
    """
    values = passed_values(arguments)
    size = sum(one.size for one in values.values())
    if size > MAX_PASSED_BYTES:
        raise InvalidTask(f"has {size} bytes in values: at most {MAX_PASSED_BYTES} are allowed", "arguments", index)
    for ref in values:
        if not blobs.path(ref).is_file():
            raise InvalidTask(f"names the value {ref}, which is not there: upload it first", "arguments", index)


class Blobs:
    """Files named by the SHA-256 of what is in them.

    Parameters
    ----------
    folder : Path
        Where they are kept; made if it is not there, for its owner only.
    limit_bytes : int
        The size of the largest one.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, digest: str) -> Path:
        """Where a value is, or would be.

        Raises
        ------
        InvalidTask
            If it is not named by a SHA-256 in lower-case hexadecimal digits.
        """
        if not _NAME.fullmatch(digest):
            raise InvalidTask(f"{digest[:80]!r} is not a SHA-256: give 64 lower-case hexadecimal digits")
        return self._folder / digest[:2] / digest

    def find(self, digest: str) -> Path:
        """The file of a value that is there.

        Raises
        ------
        NotFound
            If there is none.
        """
        path = self.path(digest)
        if not path.is_file():
            raise no_value(digest)
        return path

    def has(self, digest: str, size: int) -> bool:
        """Whether a value is there, with so many bytes."""
        try:
            return self.path(digest).stat().st_size == size
        except FileNotFoundError:
            return False

    def keep(self, digest: str, since: float) -> bool:
        """Whether a value is there; then it counts as uploaded after a time, and stays for as long as a new one."""
        path = self.path(digest)
        try:
            if path.stat().st_mtime >= since:
                return True
            with _alone(path.parent):
                os.utime(path)
        except FileNotFoundError:
            return False
        return True

    async def store(self, digest: str, body: AsyncIterator[bytes]) -> None:
        """Store what comes in ``body``.

        It is on disk, whole, under its name, or it is not there at all.

        Raises
        ------
        InvalidTask
            If it has another SHA-256.
        TooLarge
            If it is larger than allowed.
        """
        path = self.path(digest)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        # A temporary file of no name that anybody could ask for, removed unless it is settled.
        with NamedTemporaryFile(dir=path.parent, prefix="upload-", delete=False) as file, ExitStack() as undo:
            undo.callback(os.unlink, file.name)
            found = await self._receive(file.write, body)
            if found != digest:
                raise InvalidTask(f"what was sent has the SHA-256 {found}, not {digest}: send it again")
            await asyncio.to_thread(_settle, file, path)
            undo.pop_all()

    async def _receive(self, write: Callable[[bytes], int], body: AsyncIterator[bytes]) -> str:
        digest, size, pending = sha256(), 0, bytearray()
        async for chunk in body:
            size += len(chunk)
            if size > self._limit:
                raise TooLarge(f"the value has more than the {self._limit} bytes allowed")
            digest.update(chunk)
            pending += chunk
            if len(pending) >= CHUNK_BYTES:
                await asyncio.to_thread(write, bytes(pending))
                pending.clear()
        await asyncio.to_thread(write, bytes(pending))
        return digest.hexdigest()

    async def sweep(self, store: AsyncStore) -> int:
        """Remove values that no task names; return how many."""
        before = time.time() - KEEP_S
        oldest = await store.read(oldest_running_start)
        if oldest is not None:
            before = min(before, oldest)
        removed = 0
        for folder in await asyncio.to_thread(lambda: sorted(self._folder.glob("[0-9a-f][0-9a-f]"))):
            old = await asyncio.to_thread(_older, folder, before)
            named = await store.read(referenced, [path.name for path in old])
            for path in old:
                if path.name not in named:
                    removed += await asyncio.to_thread(_remove, path, before)
        if removed:
            log.info("remove %d values that no task names", removed)
        return removed


def _settle(file: _TemporaryFileWrapper[bytes], path: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    with _alone(path.parent) as folder:
        Path(file.name).replace(path)
        os.fsync(folder)


def _remove(path: Path, before: float) -> bool:
    """Remove a value that no task names, unless it was uploaded again since it was found to be old.

    Whoever has just uploaded it is about to name it.
    """
    with _alone(path.parent):
        try:
            old = path.stat().st_mtime < before
        except FileNotFoundError:  # another service sweeps the same folder
            return False
        if old:
            path.unlink()
        return old


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """The folder's descriptor, while no other process or thread puts a value there or takes one away."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _older(folder: Path, before: float) -> list[Path]:
    return [path for path in folder.iterdir() if path.stat().st_mtime < before]
