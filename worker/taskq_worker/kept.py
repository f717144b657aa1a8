"""Files that tasks leave in their folders and that are kept: uploaded before the outcome is published."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import BinaryIO, Protocol, TypeVar, cast

from taskq_kernel.errors import ServiceError
from taskq_kernel.messages import ErrorInfo
from taskq_kernel.printable import one_line
from taskq_kernel.task_files import MAX_KEPT, MAX_NAMES_BYTES, GivenFiles, KeptFile
from taskq_worker import task_errors
from taskq_worker.claims.patience import NotWanted, patiently
from taskq_worker.service_api import is_away
from taskq_worker.slots.beneath import open_file, opened
from taskq_worker.slots.kept_files import LeftFile, LeftFolder, find_files

T = TypeVar("T")

#: How many files are uploaded at once: whatever else is asked of the service needs threads, too.
AT_ONCE = 2
#: How many files the service is asked about in one request.
ASK = 500
#: How often a file is read again that has changed meanwhile.
TRIES = 3
#: How many of those that were left out are named.
_NAMED = 10
_CHUNK_BYTES = 1 << 20


class Store(Protocol):
    """The service, as it keeps files by their SHA-256."""

    async def missing(self, refs: Sequence[str]) -> list[str]:
        """Those of these that it does not have."""

    async def upload(self, sha256: str, data: BinaryIO) -> None:
        """Have it keep one."""


@dataclass(frozen=True)
class Keeping:
    """What was kept of a task's folder.

    Attributes
    ----------
    files : sequence of KeptFile
        By their names.
    error : ErrorInfo or None
        That there was more than is kept of one task.
    note : str
        Which others were left out, and why, on lines of their own; empty if none.
    """

    files: Sequence[KeptFile] = ()
    error: ErrorInfo | None = None
    note: str = ""


class Keep(Protocol):
    """Uploads what patterns mean of a folder, of a task that was given some files, for as long as that is wanted."""

    async def __call__(
        self, folder: LeftFolder, patterns: Iterable[str], given: GivenFiles, wanted: Callable[[], bool], /
    ) -> Keeping | None: ...


class Kept:
    """Uploads what is kept.

    Parameters
    ----------
    store : Store
        The service.
    limit_bytes : int
        How much is kept of one task; of more, the smallest files are.
    """

    def __init__(self, store: Store, limit_bytes: int) -> None:
        self._store = store
        self._limit_bytes = limit_bytes
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def keep(
        self, folder: LeftFolder, patterns: Iterable[str], given: GivenFiles, wanted: Callable[[], bool], /
    ) -> Keeping | None:
        """Upload the files that patterns mean, however long the service is away; None if they are no longer wanted.

        Parameters
        ----------
        given : mapping
            What the task was given: of that, only what it has changed is kept.
        """
        found = await asyncio.to_thread(find_files, folder, patterns, given)
        chosen, error = _within(found.files, self._limit_bytes)
        upload = _Upload(self._store, self._turns, folder, given, wanted)
        for start in range(0, len(chosen), ASK):
            if not await upload.some(chosen[start : start + ASK]):
                return None
        left_out = found.left_out | upload.left_out
        return Keeping(sorted(upload.files, key=lambda file: file.name), error, _note(left_out))


def _within(files: Sequence[LeftFile], limit_bytes: int) -> tuple[list[LeftFile], ErrorInfo | None]:
    """The files that are kept: all of them, or the smallest, and the error that says so."""
    chosen: list[LeftFile] = []
    size = names = 0
    for file in sorted(files, key=lambda file: (file.size, file.name)):
        size += file.size
        names += len(file.name.encode())
        if size > limit_bytes or names > MAX_NAMES_BYTES or len(chosen) == MAX_KEPT:
            return chosen, task_errors.outputs_too_large(
                [(one.name, one.size) for one in files], len(chosen), limit_bytes
            )
        chosen.append(file)
    return chosen, None


class _Upload:
    """The files of one folder on their way to the service."""

    def __init__(
        self, store: Store, turns: asyncio.Semaphore, folder: LeftFolder, given: GivenFiles, wanted: Callable[[], bool]
    ) -> None:
        self._store = store
        self._turns = turns
        self._folder = folder
        self._given = given
        self._wanted = wanted
        self.files: list[KeptFile] = []
        self.left_out: dict[str, str] = {}

    async def some(self, files: Sequence[LeftFile]) -> bool:
        """Upload some files, those that the service lacks; whether the rest is still wanted."""
        read = await asyncio.to_thread(self._read_all, files)
        try:
            missing = set(await self._patiently(lambda: self._store.missing(sorted({file.ref for file in read}))))
            for file in read:
                sent: KeptFile | None = file
                if file.ref in missing:
                    sent = await self._uploaded(file)
                if sent is not None:
                    missing.discard(sent.ref)
                    self.files.append(sent)
        except NotWanted:
            return False
        return True

    async def _uploaded(self, file: KeptFile) -> KeptFile | None:
        """Upload a file, as it is then; None where it has to be left out."""
        for _ in range(TRIES):
            try:
                await self._patiently(partial(self._send, file))
            except _Changed:
                again = await asyncio.to_thread(self._read, file.name)
                if again is None:
                    return None
                file = again
            except (OSError, ServiceError) as error:
                self.left_out[file.name] = _reason(error)
                return None
            else:
                return file
        self.left_out[file.name] = "it went on changing while it was read"
        return None

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What the service answers, however long it is away."""
        async def turn() -> T:
            async with self._turns:
                return await ask()

        return await patiently(turn, self._wanted, is_away)

    async def _send(self, file: KeptFile) -> None:
        with opened(self._folder.path) as folder, open_file(folder, file.name.split("/"), self._folder.user) as there:
            await self._store.upload(file.ref, cast("BinaryIO", _Part(there, file, self._wanted)))

    def _read_all(self, files: Sequence[LeftFile]) -> list[KeptFile]:
        return [read for file in files if (read := self._read(file.name)) is not None]

    def _read(self, name: str) -> KeptFile | None:
        """What is in a file now; None where that is not to be kept, or cannot be."""
        try:
            with opened(self._folder.path) as folder, open_file(folder, name.split("/"), self._folder.user) as file:
                size = os.fstat(file.fileno()).st_size
                digest = sha256()
                for chunk in _chunks(file, size):
                    digest.update(chunk)
        except OSError as error:
            self.left_out[name] = _reason(error)
            return None
        ref = digest.hexdigest()
        as_given = name in self._given and self._given[name].ref == ref
        return None if as_given else KeptFile(name, ref, size)


class _Part:
    """A file as far as it was read before: it may have become longer since, and must be the same."""

    def __init__(self, file: BinaryIO, expected: KeptFile, wanted: Callable[[], bool]) -> None:
        self._file = file
        self._expected = expected
        self._wanted = wanted
        self._digest = sha256()
        self._left = expected.size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to its begin, or tell where its end is."""
        if whence == os.SEEK_END:
            return self._expected.size
        self._digest, self._left = sha256(), self._expected.size
        return self._file.seek(offset)

    def read(self, size: int = -1) -> bytes:
        """Read on.

        Raises
        ------
        _Changed
            If what has been read is not what was read before.
        NotWanted
            If nobody waits for it any longer: the slot is not to be held up by the rest.
        """
        if not self._wanted():
            raise NotWanted
        if not self._left:
            return b""
        chunk = self._file.read(min(self._left, size if size > 0 else _CHUNK_BYTES))
        self._left -= len(chunk)
        self._digest.update(chunk)
        if not chunk or (not self._left and self._digest.hexdigest() != self._expected.ref):
            raise _Changed
        return chunk


class _Changed(Exception):
    """A file is another than it was when it was read before."""


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """What is in a file, so many bytes of it: it may grow faster than it is read."""
    while size > 0 and (chunk := file.read(min(size, _CHUNK_BYTES))):
        size -= len(chunk)
        yield chunk


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _shown(name: str) -> str:
    """A name that a task has chosen, which may be anything but text, as text of one line."""
    return one_line(os.fsencode(name).decode("utf-8", "backslashreplace"))[:200]


def _note(left_out: Mapping[str, str]) -> str:
    """Which files are not kept, a line each."""
    lines = [f"not kept: {_shown(name)}: {reason}" for name, reason in list(left_out.items())[:_NAMED]]
    if len(left_out) > _NAMED:
        lines.append(f"not kept: {len(left_out) - _NAMED} more")
    return "".join(f"taskq: {line}\n" for line in lines)
