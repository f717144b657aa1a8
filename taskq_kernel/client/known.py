"""The tasks that somebody holds, kept current by the live feed.

Every `Task` of a client is here once, weakly: two lookups of a task give the same object,
and one that nobody holds is forgotten. Tasks that somebody waits for are held until they
are done.

When is a copy current? The feed tells every change after the version where it started.
A copy that is newer than that start is kept current by it. An older one may have missed
something, so it is read once, with the feed running; from then on the feed keeps it current
too. (A copy that is just being read may be older than what the feed tells meanwhile; see
`KnownTasks.reading`.) While the feed is away nothing is current: tasks that are waited for are read again
with each attempt to connect, and others when they are looked at.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from taskq_kernel.client import operations
from taskq_kernel.client.forks import renew_after_fork
from taskq_kernel.errors import TaskqError

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client
    from taskq_kernel.client.feed import Changes, Feed, FeedState
    from taskq_kernel.client.task import Task
    from taskq_kernel.client.transport import GraphQLTransport

log = logging.getLogger(__name__)

#: Called once when a task is done, deleted, or cannot be followed any longer.
Waker = Callable[[], None]


class KnownTasks:
    """The tasks of one client."""

    def __init__(self, transport: GraphQLTransport, feed: Feed) -> None:
        self._transport = transport
        self._feed = feed
        self._lock = threading.RLock()
        self._tasks: WeakValueDictionary[str, Task] = WeakValueDictionary()
        self._waiting: dict[str, tuple[Task, list[Waker]]] = {}
        #: Where the feed started: later versions were all told. None while it is away.
        self._floor: int | None = None
        self._floor_before = 0
        #: The database that versions are of; empty before the feed has named it.
        self._database = ""
        #: What the feed tells while somebody reads tasks: it may be ahead of the answer.
        self._readers = 0
        self._heard: dict[str, dict[str, Any] | None] = {}
        #: Grows with each start of the feed that is not a continuation.
        self._start = 0
        self._closed = False
        renew_after_fork(self)
        feed.subscribe(self._on_changes, on_state=self._on_state, on_retry=self._on_retry)

    # -- looking up ----------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Asking for tasks and taking them over with `merge` happens inside this.

        The feed may tell of a task before the answer with it is here, and nobody would
        listen then; so what it tells meanwhile is remembered.
        """
        with self._lock:
            self._readers += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1
                if not self._readers:
                    self._heard.clear()

    def merge(self, data: dict[str, Any], make: Callable[[dict[str, Any]], Task]) -> Task:
        """The task that ``data`` is about, brought up to date with it."""
        with self._lock:
            task = self._tasks.get(data["id"])
            if task is None:
                task = self._tasks[data["id"]] = make(data)
                heard = self._heard.get(data["id"], data)
                if heard is None:
                    task._deleted = True
                    return task
                data = heard
            wakers = self._update(task, data)
        _call(wakers)
        return task

    def adopt(self, task: Task, client: Client) -> None:
        """Follow a task that was unpickled before its client was there.

        One that the client has already becomes the same task under two names: they share
        their state, because the feed tells each task to one object alone.
        """
        with self._lock:
            known = self._tasks.setdefault(task.id, task)
            if known is task:
                task._client = client
            else:
                task.__dict__ = known.__dict__
                task._twin = known  # held by whoever holds the other

    def update(self, changed: Iterable[dict[str, Any]]) -> None:
        """Bring the tasks among ``changed`` that somebody holds up to date."""
        wakers: list[Waker] = []
        with self._lock:
            for data in changed:
                task = self._tasks.get(data["id"])
                if task is not None:
                    wakers += self._update(task, data)
        _call(wakers)

    def forget(self, deleted: Iterable[str]) -> None:
        """Tasks are gone."""
        wakers: list[Waker] = []
        with self._lock:
            for task_id in deleted:
                task = self._tasks.get(task_id)
                if task is not None:
                    task._deleted = True
                    wakers += self._done(task)
        _call(wakers)

    def refresh(self, tasks: Sequence[Task]) -> None:
        """Read tasks from the service; those that are gone become deleted.

        Raises
        ------
        ServiceUnreachable, ServiceError
            If the service cannot be asked.
        """
        with self._lock:
            start = self._start
        ids = [task.id for task in tasks]
        found = operations.get_many(self._transport, ids, operations.FEED)
        self.update(found)
        with self._lock:
            for task in tasks:
                task._read_at_start = start
        self.forget(set(ids) - {data["id"] for data in found})

    def freshen(self, *tasks: Task) -> None:
        """Make sure that tasks are current; asks the service only if it has to."""
        self._feed.start()
        with self._lock:
            doubtful = [task for task in tasks if not (self._is_current(task) or task._deleted)]
        if doubtful:
            self.refresh(doubtful)

    # -- waiting -------------------------------------------------------------------------

    def wait_for(self, tasks: Sequence[Task], waker: Callable[[Task], None]) -> Callable[[], None]:
        """Have ``waker`` called for each task once it is done, deleted, or lost to the feed.

        Returns
        -------
        callable
            Call it to be woken no more.
        """
        mine: dict[str, Waker] = {task.id: _bound(waker, task) for task in tasks}
        with self._lock:
            for task in tasks:
                self._waiting.setdefault(task.id, (task, []))[1].append(mine[task.id])
        self._feed.start()
        with self._lock:
            following = self._floor is not None
            # From a closed client nothing will come: whoever waits is told so at once.
            done = [task for task in tasks if self._closed or (self._is_current(task) and task._is_done)]
            unsure = [task for task in tasks if not self._is_current(task)]
            wakers = [one for task in done for one in self._done(task)]
        _call(wakers)
        if unsure and following:
            self._refresh_waiting(unsure)

        def stop() -> None:
            with self._lock:
                for task_id, one in mine.items():
                    _task, others = self._waiting.get(task_id, (None, []))
                    if one in others:
                        others.remove(one)
                    if not others:
                        self._waiting.pop(task_id, None)

        return stop

    def close(self) -> None:
        """Nothing will be heard of the tasks any longer: wake all who wait."""
        with self._lock:
            self._closed = True
            wakers = [one for task, _ in list(self._waiting.values()) for one in self._done(task)]
        _call(wakers)

    def _after_fork(self) -> None:
        """Start afresh in a forked child: who waits, and what was being read, is the parent's."""
        self._lock = threading.RLock()
        self._waiting, self._heard = {}, {}
        self._readers = 0
        self._floor = None

    def check(self) -> None:
        """Raise what keeps the feed from coming back, if anything does."""
        if self._feed.error is not None:
            raise self._feed.error

    @property
    def away_reason(self) -> str:
        """Why nothing is heard of the tasks; empty while they are followed."""
        return self._feed.state.reason

    # -- the feed's thread ---------------------------------------------------------------

    def _on_changes(self, changes: Changes) -> None:
        with self._lock:
            if self._readers:
                self._heard |= {data["id"]: data for data in changes.tasks}
                self._heard |= dict.fromkeys(changes.deleted)
        if changes.anew:
            self._note_database(changes.database)
        self.update(changes.tasks)
        self.forget(changes.deleted)
        with self._lock:
            if changes.anew:
                self._start += 1
                self._floor = changes.version
                self._floor_before = self._floor
            elif self._floor is None:
                self._floor = self._floor_before
            else:
                return
            done = [task for task, _ in self._waiting.values() if self._is_current(task) and task._is_done]
            unsure = [task for task, _ in self._waiting.values() if not self._is_current(task)]
            wakers = [one for task in done for one in self._done(task)]
        _call(wakers)
        if unsure:
            self._refresh_waiting(unsure)

    def _note_database(self, database: str) -> None:
        """Doubt every copy where the database is another one: its versions mean nothing there."""
        with self._lock:
            if self._database not in ("", database):
                for task in list(self._tasks.values()):
                    task._doubt()
            self._database = database

    def _on_state(self, state: FeedState) -> None:
        if state.name == "connected":
            return
        with self._lock:
            self._floor = None
            waiting = [task for task, _ in self._waiting.values()] if state.name != "away" else []
            wakers = [one for task in waiting for one in self._done(task)]
        _call(wakers)

    def _on_retry(self) -> None:
        with self._lock:
            waiting = [task for task, _ in self._waiting.values()]
        if not waiting:
            return
        self._refresh_waiting(waiting)
        # What ended before the service went away has ended: nobody has to wait for it.
        with self._lock:
            wakers = [one for task in waiting if task._is_done for one in self._done(task)]
        _call(wakers)

    # -- with the lock held --------------------------------------------------------------

    def _is_current(self, task: Task) -> bool:
        if self._floor is None:
            return False
        return task._version >= self._floor or task._read_at_start == self._start

    def _update(self, task: Task, data: dict[str, Any]) -> list[Waker]:
        task._merge(data)
        return self._done(task) if task._is_done else []

    def _done(self, task: Task) -> list[Waker]:
        _task, wakers = self._waiting.pop(task.id, (None, []))
        return wakers

    # -- helpers -------------------------------------------------------------------------

    def _refresh_waiting(self, tasks: Sequence[Task]) -> None:
        try:
            self.refresh(tasks)
        except TaskqError as error:
            # Not an error of whoever waits: the feed connects again, and asks again.
            log.debug("cannot read %d tasks that are waited for: %s", len(tasks), error)


def _bound(waker: Callable[[Task], None], task: Task) -> Waker:
    return lambda: waker(task)


def _call(wakers: Iterable[Waker]) -> None:
    for waker in wakers:
        waker()
