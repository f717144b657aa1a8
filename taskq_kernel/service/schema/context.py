"""What resolvers have in hand: the caller, the store, and loaders of this one request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from taskq_kernel.domain import Role
from taskq_kernel.service.security.access import visible_to
from taskq_kernel.store import manifests, records, series, task_files
from taskq_kernel.store.bulk_actions import Actor
from taskq_kernel.store.rows import EventRow, FileRow, LogRow
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.tokens import Identity

if TYPE_CHECKING:
    from taskq_kernel.service.runtime import Runtime

V = TypeVar("V")


@dataclass
class RequestContext:
    """The context of one GraphQL request, or of one WebSocket.

    Attributes
    ----------
    identity : Identity
        Who asks; on a WebSocket it is known once the connection is initialised.
    runtime : Runtime
        The parts of the service.
    """

    identity: Identity
    runtime: Runtime
    histories: Loader[list[EventRow]] = field(init=False)
    series: Loader[str | None] = field(init=False)
    files: Loader[list[FileRow]] = field(init=False)
    manifests: Loader[str | None] = field(init=False)

    def __post_init__(self) -> None:
        async def load(numbers: Sequence[int]) -> dict[int, list[EventRow]]:
            return await self.runtime.store.read(records.histories, numbers)

        async def load_series(numbers: Sequence[int]) -> dict[int, str | None]:
            return await self.runtime.store.read(series.series_of, numbers)

        async def load_files(numbers: Sequence[int]) -> dict[int, list[FileRow]]:
            return await self.runtime.store.read(task_files.files_of, numbers)

        async def load_manifests(numbers: Sequence[int]) -> dict[int, str | None]:
            return await self.runtime.store.read(manifests.manifests_of, numbers)

        self.histories = Loader(load)
        self.manifests = Loader(load_manifests)
        self.files = Loader(load_files)
        self.series = Loader(load_series)

    @property
    def actor(self) -> Actor:
        """The caller, as operations on tasks see it."""
        own_only = self.identity.role is not Role.ADMIN
        return Actor(self.identity.name, own_only=own_only, visible_to=self.visible_to)

    @property
    def visible_to(self) -> Sight | None:
        """What the caller may see; None where it may see all."""
        return visible_to(self.identity, self.runtime.settings.private_tasks)

    @property
    def visible_owner(self) -> str | None:
        """The only owner whose tasks the caller may see, for what no runner may ask; None where it may see all."""
        return None if self.visible_to is None else self.visible_to.owner

    async def logs_after(self, number: int, after: int | None, with_displays: bool) -> Sequence[LogRow]:
        """What the latest attempt of a task printed, and displayed."""
        return await self.runtime.store.read(records.logs_after, number, after, with_displays)


class Loader(Generic[V]):
    """Collects what is asked for in one turn of the event loop into one query."""

    def __init__(self, load: Callable[[Sequence[int]], Awaitable[dict[int, V]]]) -> None:
        self._load = load
        self._waiting: dict[int, asyncio.Future[V]] = {}

    def load(self, key: int) -> asyncio.Future[V]:
        """The value of a key, once it is there."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._dispatch)
        if key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().create_future()
        return self._waiting[key]

    def _dispatch(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._task = asyncio.ensure_future(self._answer(waiting))

    async def _answer(self, waiting: dict[int, asyncio.Future[V]]) -> None:
        try:
            found = await self._load(list(waiting))
        except Exception as error:
            for future in waiting.values():
                if not future.done():
                    future.set_exception(error)
            return
        for key, future in waiting.items():
            if not future.done():
                future.set_result(found[key])
