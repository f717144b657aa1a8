"""What a task, a batch and the command line need of their client: a service, and what is known of its tasks."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from taskq_kernel.client import operations
from taskq_kernel.client.feed import Feed
from taskq_kernel.client.operations import Filter, Row
from taskq_kernel.client.task_cache import Entry, TaskCache
from taskq_kernel.client.why import FIELDS, Why, why_of
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import TaskqError, TaskTimeout
from taskq_kernel.transport.graphql import GraphQLTransport

#: What the answer to a bulk action needs: the rest is read when it is asked for.
_AFTER_ACTION = "id status attempt version"


class Session:
    """A service as its tasks see it.

    Attributes
    ----------
    transport : GraphQLTransport
        The way to it, for single requests.
    feed : Feed
        What tells its changes.
    cache : TaskCache
        The tasks that somebody looks at.
    views : mapping
        The objects that show entries of the cache, by the tasks' ids: one for each task.
    extras : dict
        What others keep once for each client, by name.
    """

    def __init__(self, transport: GraphQLTransport, feed: Feed) -> None:
        self.transport = transport
        self.feed = feed
        self.cache = TaskCache(feed, lambda ids: operations.get_many(transport, ids, operations.FEED))
        self.views: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
        self.extras: dict[str, Any] = {}
        self._closed = False
        # The feed's thread does not hold this: one that nobody uses ends its feed.
        weakref.finalize(self, feed.close).atexit = False

    @property
    def url(self) -> str:
        """The service's GraphQL URL."""
        return self.transport.url

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def close(self) -> None:
        """Close the connection. The tasks go on."""
        self._closed = True
        self.feed.close()
        self.cache.close()
        self.transport.close()

    def bulk_action(
        self, verb: str, ids: Sequence[str] | None, task_filter: Filter | None = None
    ) -> tuple[list[Row], int]:
        """Cancel, retry or delete tasks, as `operations.bulk_action`, and keep the cache current."""
        changed, count = operations.bulk_action(self.transport, verb, ids, task_filter, _AFTER_ACTION)
        if verb == "delete":
            self.cache.forget(row["id"] for row in changed)
        else:
            self.cache.put(changed)
        return changed, count

    async def ended(self, entries: Sequence[Entry]) -> None:
        """Wait on the running loop until all are done, deleted, or lost to the feed."""
        import asyncio

        loop = asyncio.get_running_loop()
        all_woken = asyncio.Event()
        left = {entry.id for entry in entries}

        def tick_off(entry: Entry) -> None:
            left.discard(entry.id)
            if not left:
                all_woken.set()

        def wake(entry: Entry) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(tick_off, entry)

        stop = await asyncio.to_thread(self.cache.wait_for, entries, wake)
        try:
            if entries:
                await all_woken.wait()
        finally:
            stop()

    def timed_out(self, what: str, timeout_s: float, left: Iterable[Entry]) -> TaskTimeout:
        """The exception for a wait that took too long, with why the first that is left is not done."""
        reason = self.feed.state.reason
        away = f"; the service is away ({reason})" if reason else ""
        why = None if reason else self.why(left)
        return TaskTimeout(f"{what} after {timeout_s:g} s, and goes on{away}{f'; {why}' if why else ''}")

    def why(self, entries: Iterable[Entry]) -> Why | None:
        """Why the first of the tasks that wait does, or where the first runs, as far as it can be had now."""
        undone = [entry for entry in entries if not entry.done]
        left = sorted(undone, key=lambda entry: entry.row["status"] != TaskStatus.QUEUEING)
        if not left:
            return None
        with suppress(TaskqError):
            return why_of(operations.get(self.transport, left[0].id, FIELDS)["why"])
        return None
