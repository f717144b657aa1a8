"""Tasks by id, kept current by the live feed: the one store that whatever shows or awaits tasks looks into.

An `Entry` is the copy of one task. It is in the cache once, weakly: whoever looks at a task
holds its entry, all who do hold the same one, and one that nobody holds is forgotten. Tasks
that somebody waits for are held until they are done.

When is an entry current? The feed tells every change after its cursor of the start. An entry
that is newer than that is kept current by it. An older one may have missed something, so it
is read once, with the feed running; from then on the feed keeps it current too. (One that is
just being read may be older than what the feed tells meanwhile; see `TaskCache.reading`.)
While the feed is away nothing is current: tasks that are waited for are read again with each
attempt to connect, and others when they are looked at.

The cache subscribes to the feed when it is made, so whoever subscribes later finds it
brought up to date with each change that it is told of.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from weakref import WeakValueDictionary

from taskq_kernel.client import operations
from taskq_kernel.client.feed import Changes, Feed, FeedState
from taskq_kernel.client.operations import Row
from taskq_kernel.domain import FINAL
from taskq_kernel.errors import TaskqError
from taskq_kernel.transport.forks import renew_after_fork

log = logging.getLogger(__name__)

#: What a task has from the beginning.
FIXED = frozenset(field.graphql for field in operations.FIXED)


@dataclass(frozen=True)
class Cursor:
    """A version, and the database whose version it is."""

    database: str = ""
    version: int = 0


class Entry:
    """The copy of one task.

    Attributes
    ----------
    row : dict
        What was last heard of it. It is replaced as a whole, never changed.
    deleted : bool
        Whether the task is gone.
    read_since : Cursor or None
        The start of the feed since which it was read.
    wakers : list of callable
        Who waits for it.
    """

    __slots__ = ("__weakref__", "deleted", "read_since", "row", "wakers")

    def __init__(self, row: Row) -> None:
        self.row = row
        self.deleted = False
        self.read_since: Cursor | None = None
        self.wakers: list[Waker] = []

    @property
    def id(self) -> str:
        """The task's UUID."""
        return str(self.row["id"])

    @property
    def version(self) -> int:
        """The version of the row."""
        return int(self.row["version"])

    @property
    def done(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.deleted or self.row["status"] in FINAL

    @property
    def shown(self) -> Row:
        """The row, and whether it is ``deleted``: what is made visible of it."""
        return self.row | {"deleted": self.deleted}

    def merge(self, row: Row) -> None:
        """Take over a newer row, or more of the same version."""
        version = int(row["version"])
        if version == self.version:
            self.row = self.row | row
        elif version > self.version:
            # What the newer row does not say is unknown now, and read when it is asked for.
            self.row = {name: self.row[name] for name in FIXED if name in self.row} | row

    def doubt(self) -> None:
        """Find whatever is read next newer than this."""
        self.row = self.row | {"version": -1}
        self.read_since = None


#: Called once when a task is done, deleted, or cannot be followed any longer.
Waker = Callable[[Entry], object]


class TaskCache:
    """The tasks of one service that somebody in this process looks at.

    Parameters
    ----------
    feed : Feed
        What tells the changes.
    read : callable
        Reads the rows of the tasks with these ids from the service, without those that are gone.

    Attributes
    ----------
    lock : threading.RLock
        Held while a change is put in place; hold it to do several things at one state.
    state : {"away", "following", "closed"}
        Whether changes are heard, will be, or will not be.
    cursor : Cursor
        Where the feed started: what has changed since then was told.
    """

    def __init__(self, feed: Feed, read: Callable[[Sequence[str]], Sequence[Row]]) -> None:
        self._feed = feed
        self._read = read
        self.lock = threading.RLock()
        self.state: Literal["away", "following", "closed"] = "away"
        self.cursor = Cursor()
        self._entries: WeakValueDictionary[str, Entry] = WeakValueDictionary()
        self._waiting: dict[str, Entry] = {}
        #: What the feed tells while somebody reads tasks: it may be ahead of the answer.
        self._readers = 0
        self._meanwhile: dict[str, Row | None] = {}
        renew_after_fork(self._after_fork)
        feed.subscribe(self._on_changes, on_state=self._on_state, on_retry=self._on_retry)

    # -- rows in -------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Asking for tasks, and taking them over with `track`, happens inside this.

        The feed may tell of a task before the answer with it is here, and nobody would
        listen then; so what it tells meanwhile is remembered.
        """
        with self.lock:
            self._readers += 1
        try:
            yield
        finally:
            with self.lock:
                self._readers -= 1
                if not self._readers:
                    self._meanwhile.clear()

    def track(self, row: Row) -> Entry:
        """The entry of the task that ``row`` is about, brought up to date with it.

        A row that was read before, and not inside `reading`, is in doubt unless the task had ended: what has happened
        since may have been told when nobody here had the task.
        """
        with self.lock:
            entry = self._entries.get(row["id"])
            was_there = entry is not None
            if entry is None:
                entry = self._entries[row["id"]] = Entry(row)
                newer = self._meanwhile.get(row["id"], row)
                entry.deleted = newer is None
                row = newer or row
            entry.merge(row)
            if not (was_there or self._readers or entry.done):
                entry.doubt()
            wake = self._waking([entry])
        wake()
        return entry

    def put(self, rows: Iterable[Row]) -> None:
        """Bring the entries that somebody holds up to date."""
        with self.lock:
            present = [(entry, row) for row in rows if (entry := self._entries.get(row["id"])) is not None]
            for entry, row in present:
                entry.merge(row)
            wake = self._waking(entry for entry, _ in present)
        wake()

    def forget(self, ids: Iterable[str]) -> None:
        """Tasks are gone."""
        with self.lock:
            gone = [entry for one in ids if (entry := self._entries.get(one)) is not None]
            for entry in gone:
                entry.deleted = True
            wake = self._waking(gone)
        wake()

    def refresh(self, entries: Iterable[Entry]) -> None:
        """Read tasks from the service; those that are gone become deleted.

        Raises
        ------
        ServiceUnreachable, ServiceError
            If the service cannot be asked.
        """
        cursor, wanted = self.cursor, {entry.id: entry for entry in entries}
        rows = self._read(list(wanted))
        self.put(rows)
        for entry in wanted.values():
            entry.read_since = cursor
        self.forget(wanted.keys() - {row["id"] for row in rows})

    def freshen(self, entries: Iterable[Entry]) -> None:
        """Make sure that entries are current; asks the service only if it has to."""
        self._feed.start()
        with self.lock:
            doubtful = [entry for entry in entries if not (self._is_current(entry) or entry.deleted)]
        if doubtful:
            self.refresh(doubtful)

    # -- waiting -------------------------------------------------------------------------

    def wait_for(self, entries: Sequence[Entry], waker: Waker) -> Callable[[], None]:
        """Have ``waker`` called with each entry once it is done, deleted, or lost to the feed.

        Returns
        -------
        callable
            Call it to be woken no more.
        """
        with self.lock:
            for entry in entries:
                self._waiting[entry.id] = entry
                entry.wakers.append(waker)
        self._feed.start()
        self._settle(entries)

        def stop() -> None:
            with self.lock:
                for entry in entries:
                    if waker in entry.wakers:
                        entry.wakers.remove(waker)
                    if not entry.wakers:
                        self._waiting.pop(entry.id, None)

        return stop

    def close(self) -> None:
        """Nothing will be heard of the tasks any longer: wake all who wait."""
        self.state = "closed"
        self._settle(self._waited_for())

    def _after_fork(self) -> None:
        """Start afresh in a forked child: who waits, and what was being read, is the parent's."""
        self.lock = threading.RLock()
        for entry in self._waiting.values():
            entry.wakers = []
        self._waiting, self._meanwhile, self._readers = {}, {}, 0
        self._follow("away")

    # -- the feed's thread ---------------------------------------------------------------

    def _on_changes(self, changes: Changes) -> None:
        with self.lock:
            if self._readers:
                self._meanwhile |= {row["id"]: row for row in changes.tasks}
                self._meanwhile |= dict.fromkeys(changes.deleted)
            if changes.anew and self.cursor.database not in ("", changes.database):
                for entry in list(self._entries.values()):
                    entry.doubt()  # the versions of one database mean nothing in another
        self.put(changes.tasks)
        self.forget(changes.deleted)
        with self.lock:
            if self.state == "following" and not changes.anew:
                return
            if changes.anew:
                self.cursor = Cursor(changes.database, changes.version)
            self._follow("following")
        self._settle(self._waited_for())

    def _on_state(self, state: FeedState) -> None:
        if state.connected:
            return
        self._follow("away")
        if state.name != "away":  # it does not come back
            with self.lock:
                wake = self._waking(self._waited_for(), done=False)
            wake()

    def _on_retry(self) -> None:
        waiting = self._waited_for()
        if waiting:
            self._try_refresh(waiting)
            # What ended before the service went away has ended: nobody has to wait for it.
            with self.lock:
                wake = self._waking(waiting)
            wake()

    # -- inside --------------------------------------------------------------------------

    def _follow(self, state: Literal["away", "following"]) -> None:
        if self.state != "closed":
            self.state = state

    def _waited_for(self) -> list[Entry]:
        with self.lock:
            return list(self._waiting.values())

    def _settle(self, entries: Sequence[Entry]) -> None:
        """Wake who waits for what is done, and for anything when nothing will come; read what is in doubt."""
        with self.lock:
            current = [entry for entry in entries if self._is_current(entry)]
            doubtful = [entry for entry in entries if self.state == "following" and not self._is_current(entry)]
            wake = self._waking(entries, done=False) if self.state == "closed" else self._waking(current)
        wake()
        if doubtful:
            self._try_refresh(doubtful)

    def _try_refresh(self, entries: Sequence[Entry]) -> None:
        try:
            self.refresh(entries)
        except TaskqError as error:
            # Not an error of whoever waits: the feed connects again, and asks again.
            log.debug("cannot read %d tasks that are waited for: %s", len(entries), error)

    def _is_current(self, entry: Entry) -> bool:
        covered = entry.version >= self.cursor.version or entry.read_since is self.cursor
        return covered and self.state == "following"

    def _waking(self, entries: Iterable[Entry], *, done: bool = True) -> Callable[[], None]:
        """End the waiting for entries, or for those that are done: called with the lock, its result without."""
        wakes: list[tuple[Waker, Entry]] = []
        for entry in entries:
            if entry.wakers and (entry.done or not done):
                wakes += [(waker, entry) for waker in entry.wakers]
                entry.wakers = []
                del self._waiting[entry.id]

        def wake() -> None:
            for waker, entry in wakes:
                waker(entry)

        return wake
