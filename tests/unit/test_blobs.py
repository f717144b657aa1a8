"""Large values on disk: the sweep takes what nobody needs, and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from taskq_kernel.domain import ValueKind
from taskq_kernel.errors import InvalidTask, NotFound
from taskq_kernel.passed_values import PassedValue
from taskq_kernel.service.blobs import KEEP_S, Blobs, _alone, _remove, check_given
from taskq_kernel.store.blob_refs import oldest_running_start

DATA = b"[1, 2, 3]"
DIGEST = sha256(DATA).hexdigest()


async def body() -> AsyncIterator[bytes]:
    yield DATA


class Database:
    """Names no value; something happens whenever it is asked which it names."""

    def __init__(self, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        self._meanwhile = meanwhile

    async def read(self, question: Any, *_: Any) -> Any:
        if question is oldest_running_start:
            return None
        if self._meanwhile is not None:
            await self._meanwhile()
        return set()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    """A folder with one value that was uploaded long ago."""
    kept = Blobs(tmp_path / "blobs", 1 << 20)
    asyncio.run(kept.store(DIGEST, body()))
    grow_old(kept.find(DIGEST))
    return kept


def grow_old(path: Path) -> None:
    long_ago = time.time() - 2 * KEEP_S
    os.utime(path, (long_ago, long_ago))


def test_an_old_value_that_no_task_names_is_removed(blobs: Blobs) -> None:
    assert asyncio.run(blobs.sweep(Database())) == 1  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        blobs.find(DIGEST)


def test_a_value_that_is_uploaded_again_while_the_sweep_looks_stays(blobs: Blobs) -> None:
    async def upload_again() -> None:
        await blobs.store(DIGEST, body())

    assert asyncio.run(blobs.sweep(Database(upload_again))) == 0  # type: ignore[arg-type]
    assert blobs.find(DIGEST).read_bytes() == DATA


def test_two_services_may_sweep_the_same_folder(blobs: Blobs) -> None:
    async def swept_by_another() -> None:
        blobs.find(DIGEST).unlink()

    assert asyncio.run(blobs.sweep(Database(swept_by_another))) == 0  # type: ignore[arg-type]


def test_uploads_and_sweeps_of_the_same_values_at_once_leave_no_upload_without_its_value(blobs: Blobs) -> None:
    path = blobs.find(DIGEST)
    stop = threading.Event()

    def sweep() -> None:
        while not stop.is_set():
            _remove(path, time.time() - KEEP_S)

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for _ in range(100):
            asyncio.run(blobs.store(DIGEST, body()))
            assert path.is_file()
            with _alone(path.parent):
                grow_old(path)
    finally:
        stop.set()
        sweeper.join()


def test_a_task_is_given_only_what_is_there_and_not_too_much(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path, 100)
    there, gone = (PassedValue(digit * 64, ValueKind.ARRAY, 3 << 30) for digit in "ab")
    blobs.path(there.ref).parent.mkdir()
    blobs.path(there.ref).write_bytes(b"numbers")
    check_given(blobs, json.dumps({"x": there.as_argument(), "y": there.as_argument()}), 0)
    with pytest.raises(InvalidTask, match="is not there: upload it first") as refused:
        small = PassedValue(gone.ref, ValueKind.ARRAY, 1)
        check_given(blobs, json.dumps({"x": small.as_argument()}), 7)
    assert (refused.value.field, refused.value.index) == ("arguments", 7)
    with pytest.raises(InvalidTask, match="at most 4294967296 are allowed"):
        check_given(blobs, json.dumps({"x": [there.as_argument(), gone.as_argument()]}), 0)
