"""The store for asynchronous code: its operations run in threads, never in the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.engine import Connection, Engine

from taskq_kernel.store import Store, Write

P = ParamSpec("P")
T = TypeVar("T")

READERS = 3


class AsyncStore:
    """A `Store` with one thread that writes and a few that read."""

    def __init__(self, store: Store) -> None:
        self.sync = store
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")

    async def write(
        self, operation: Callable[Concatenate[Write, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a write operation; see `Store.write`.

        It is not undone when the caller is cancelled: it goes on to its end.
        """
        call = partial(self.sync.write, operation, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._writer, call)

    async def read(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a read operation; see `Store.read`."""
        call = partial(self.sync.read, operation, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._readers, call)

    async def maintain(self, operation: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an operation that is no transaction, with the engine that writes, while nothing else does."""
        call = partial(self.sync.maintain, operation, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._writer, call)

    def close(self) -> None:
        """Let what runs end, then close the database."""
        self._writer.shutdown(wait=True, cancel_futures=True)
        self._readers.shutdown(wait=True, cancel_futures=True)
        self.sync.close()
