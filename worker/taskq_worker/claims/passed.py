"""What tasks are given and is too long for their messages, values and files: fetched before they start."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import BinaryIO, Protocol

import msgspec

from taskq_kernel.errors import NotFound
from taskq_kernel.passed_values import PassedValue, passed_values
from taskq_kernel.task_files import GivenFile
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.patience import NotWanted, patiently

#: How many values are fetched at once: whatever else is asked of the service needs threads, too.
AT_ONCE = 2


class ValueMissing(Exception):
    """A value that a task is to be given is no longer kept."""


class Fetch(Protocol):
    """Writes the value with this SHA-256 into a file, if it has no more than so many bytes."""

    async def __call__(self, ref: str, file: BinaryIO, limit_bytes: int, /) -> int: ...


class PassedFiles:
    """What one attempt is given in files; a context that ends with them.

    Attributes
    ----------
    paths : mapping
        Where each value lies, by its SHA-256.
    files : mapping
        Where each file lies, by its name in the task's folder.
    """

    def __init__(
        self, folder: Path | None = None, paths: Mapping[str, Path] | None = None,
        files: Mapping[str, Path] | None = None,
    ) -> None:
        self._folder = folder
        self.paths = paths or {}
        self.files = files or {}

    async def remove(self) -> None:
        """Remove the files; a task that was given one has a link of its own."""
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


class Passed:
    """Fetches what tasks are given.

    Parameters
    ----------
    fetch : callable
        Asks the service for a value.
    folder : Path
        Where the files are made: in the file system that the tasks' folders are in.
    """

    def __init__(self, fetch: Fetch, folder: Path) -> None:
        self._fetch = fetch
        self._folder = folder
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def files(self, claim: Claim, wanted: Callable[[], bool]) -> PassedFiles | None:
        """The files of what a task is given; None if it is no longer wanted.

        Raises
        ------
        ValueMissing
            If one of the values is no longer kept.
        ServiceError, OSError
            If one cannot be had otherwise.
        """
        values, named = _values(claim), claim.task.files
        if not values and not named:
            return PassedFiles()
        folder = Path(await asyncio.to_thread(mkdtemp, prefix="passed-", dir=self._folder))
        files = PassedFiles(
            folder, {ref: folder / ref for ref in values}, {name: folder / file.ref for name, file in named.items()}
        )
        each: dict[str, PassedValue | GivenFile] = {file.ref: file for file in named.values()} | dict(values)
        try:
            for ref, value in each.items():
                if not await self._fetched(value, folder / ref, wanted):
                    await files.remove()
                    return None
        except BaseException:
            await asyncio.shield(files.remove())
            raise
        return files

    async def _fetched(self, value: PassedValue | GivenFile, path: Path, wanted: Callable[[], bool]) -> bool:
        """Fetch one, however long the service is away; whether it is still wanted."""
        async def write() -> None:
            async with self._turns:
                await self._write(value, path)

        try:
            await patiently(write, wanted)
        except NotWanted:
            return False
        except NotFound:
            raise ValueMissing(_why_missing(value)) from None
        return wanted()

    async def _write(self, value: PassedValue | GivenFile, path: Path) -> None:
        with path.open("wb") as file:
            await self._fetch(value.ref, file, value.size)
            os.fchmod(file.fileno(), 0o444)  # the task's user reads it; before, it could not be written a second time


def _why_missing(value: PassedValue | GivenFile) -> str:
    what = f"of {value.size} bytes that the task is given (SHA-256 {value.ref[:12]}...) is no longer kept"
    if isinstance(value, GivenFile):
        return f"a file {what}: submit the task again"
    return f"a value {what}: the task that it is from was deleted; run that again"


def _values(claim: Claim) -> Mapping[str, PassedValue]:
    with suppress(msgspec.MsgspecError, RecursionError, UnicodeDecodeError):  # told where the arguments are checked
        return passed_values(bytes(claim.task.arguments))
    return {}
