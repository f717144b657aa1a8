"""Transactions on the task database: one writer after another, readers beside them.

Every write locks the one row of ``counters`` before it reads anything else (SQLite locks
the whole file instead). Versions and numbers are taken from that row and written back at
the end, so they become visible in order, whichever process wrote them: a reader that has
seen version *v* has seen every change up to *v*.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from taskq_kernel.errors import ServiceError
from taskq_kernel.store import decimal_order
from taskq_kernel.store.connections import Connections
from taskq_kernel.store.counts import add_counts
from taskq_kernel.store.hot import HotQuery, HotStatement
from taskq_kernel.store.made import Changes, Due, Grant
from taskq_kernel.store.rows import CountersRow
from taskq_kernel.store.tables import counters

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: How long a writer waits for the writer of another process before it gives up, in seconds.
BUSY_TIMEOUT_S = 20
#: Pages that each connection to SQLite keeps, in KiB. The operating system keeps the file's pages as well.
CACHE_KIB = 8192


class StoreUnavailable(ServiceError):
    """The task database does not answer, is locked for long, or cannot be written to."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(
            "the task database cannot be used right now; nothing was changed, try again", "UNAVAILABLE"
        )
        self.__cause__ = cause


class Write:
    """A write transaction: its connection, its time, and the versions it hands out.

    Attributes
    ----------
    conn : Connection
        The open transaction.
    now : float
        The time of everything that this transaction records, in seconds since the epoch.
    version : int
        The version of the last change so far.
    enqueued : list of int
        The tasks that it has put into the outbox and that are to be handed over at once.
    look : bool
        Whether there is anything else to be looked for in the outbox: what is due later, or tasks to be made.
    due : Due or None
        The messages of the former, where they were made within it; see `taskq_kernel.store.outbox`.
    changes : tuple or None
        The fields that somebody follows and what it has changed of them, where that was read within it.
    ended : bool
        Whether a task has ended in it.
    ran : list of tuple
        What has finished in it: the SHA-256 of its code, its entry, and how long it ran, in seconds.
    claimed : list of int
        The tasks that a worker got in it; they are in the outbox no longer.
    granted : Grant or None
        The task that a worker was given in it without having asked; see `taskq_kernel.store.grants`.
    """

    __slots__ = (
        "_counts", "_number", "_start", "changes", "claimed", "conn", "due", "ended", "enqueued", "granted", "look",
        "now", "ran", "version",
    )

    def __init__(self, conn: Connection, now: float) -> None:
        (row,) = _LOCK_COUNTERS.all(conn)
        self.conn = conn
        self.now = now
        self.version: int = row.version
        self.look = self.ended = False
        self.enqueued: list[int] = []
        self.claimed: list[int] = []
        self.ran: list[tuple[str | None, str | None, float]] = []
        self.due: Due | None = None
        self.granted: Grant | None = None
        self.changes: tuple[frozenset[str], Changes] | None = None
        self._number: int = row.number
        self._counts: Counter[tuple[str, str]] = Counter()
        self._start: tuple[int, int] = (row.version, row.number)

    @property
    def changed(self) -> bool:
        """Whether any task got a new version."""
        return self.version != self.since

    @property
    def published(self) -> bool:
        """Whether there is anything to be looked for in the outbox."""
        return self.look or bool(self.enqueued)

    @property
    def since(self) -> int:
        """The version of the last change before it."""
        return self._start[0]

    def next_version(self) -> int:
        """The version of one more change."""
        self.version += 1
        return self.version

    def next_number(self) -> int:
        """The number of one more task."""
        self._number += 1
        return self._number

    def count(self, owner: str, status: str, change: int) -> None:
        """Count tasks of an owner that came into a status, or left it."""
        self._counts[owner, str(status)] += change

    def finish(self) -> None:
        """Write counts and counters back; the last statements of the transaction."""
        add_counts(self.conn, self._counts)
        if (self.version, self._number) != self._start:
            _STORE_COUNTERS.execute(self.conn, {"v": self.version, "n": self._number})


_LOCK_COUNTERS = HotQuery(
    CountersRow, lambda _: sa.select(counters.c.version, counters.c.number).with_for_update()
)
_STORE_COUNTERS = HotStatement(
    lambda _: sa.update(counters).values(version=sa.bindparam("v"), number=sa.bindparam("n"))
)


class Store:
    """The task database.

    Parameters
    ----------
    url : str or sqlalchemy.URL
        Of SQLite or PostgreSQL.
    readers : int
        Connections kept for reading.
    clock : callable
        The time in seconds since the epoch; another one in tests only.
    """

    def __init__(self, url: str | sa.URL, *, readers: int = 3, clock: Callable[[], float] = time.time) -> None:
        self.url = normal_url(url)
        self.clock = clock
        #: Called with each transaction that has changed or published anything, once it is committed.
        self.on_commit: list[Callable[[Write], None]] = []
        #: Called with each such transaction before that: what is read then is what it will have made.
        self.before_commit: list[Callable[[Write], None]] = []
        self.writer = make_engine(self.url, size=1, writes=True)
        self.reader = make_engine(self.url, size=readers, writes=False)
        self._writes = Connections(self.writer, "BEGIN IMMEDIATE")
        self._reads = Connections(self.reader, "BEGIN")

    def write(self, operation: Callable[Concatenate[Write, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``operation(write, ...)`` in a write transaction of its own.

        Raises
        ------
        StoreUnavailable
            If the database does not answer; nothing was changed then.
        """
        try:
            with self._writes.transaction() as conn:
                write = Write(conn, self.clock())
                result = operation(write, *args, **kwargs)
                write.finish()
                self._call(self.before_commit, write)
        except DBAPIError as error:
            raise translated(error) from error
        self._call(self.on_commit, write)
        return result

    @staticmethod
    def _call(callbacks: Sequence[Callable[[Write], None]], write: Write) -> None:
        if write.changed or write.published:
            for callback in callbacks:
                callback(write)

    def read(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``operation(connection, ...)`` on one unchanging state of the database."""
        try:
            with self._reads.transaction() as conn:
                return operation(conn, *args, **kwargs)
        except DBAPIError as error:
            raise translated(error) from error

    def maintain(self, operation: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an operation that is no transaction, with the engine that writes.

        Raises
        ------
        StoreUnavailable
            If the database cannot be used now.
        """
        try:
            return operation(self.writer, *args, **kwargs)
        except DBAPIError as error:
            raise translated(error) from error

    def close(self) -> None:
        """Close every connection."""
        self._writes.close()
        self._reads.close()
        self.writer.dispose()
        self.reader.dispose()


def current_version(conn: Connection) -> int:
    """The version of the last change."""
    version: int = conn.execute(sa.select(counters.c.version)).scalar_one()
    return version


def database_id(conn: Connection) -> str:
    """The UUID of this database."""
    found: str = conn.execute(sa.select(counters.c.database)).scalar_one()
    return found


def translated(error: DBAPIError) -> Exception:
    """What a driver's error means: `StoreUnavailable`, or itself where a statement is at fault."""
    if not is_away(error):
        return error
    log.error("task database: %s", error.orig)
    return StoreUnavailable(error)


def is_away(error: DBAPIError) -> bool:
    """Whether the database is at fault, and not a statement. Every driver calls that by this name."""
    if error.connection_invalidated:
        return True
    # SQLite's does so for a column that is not there, too; the last byte of its code tells that apart.
    code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_OK)
    kinds = {kind.__name__ for kind in type(error.orig).__mro__}
    return "OperationalError" in kinds and code & 0xFF != sqlite3.SQLITE_ERROR


def normal_url(url: str | sa.URL) -> sa.URL:
    """The URL with the driver that taskq uses."""
    parsed = sa.make_url(url)
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


def sqlite_url(file: Path) -> sa.URL:
    """The URL of an SQLite file: not a text, in which ``%``, ``?`` and ``#`` would mean something else."""
    return sa.URL.create("sqlite", database=str(file))


def make_engine(url: sa.URL, *, size: int, writes: bool) -> Engine:
    """An engine whose transactions lock as this module's head says."""
    if url.get_backend_name() != "sqlite":
        level = "READ COMMITTED" if writes else "REPEATABLE READ"
        return sa.create_engine(
            url, pool_size=size, max_overflow=0, pool_pre_ping=True, isolation_level=level,
            pool_recycle=1800,
        )
    engine = sa.create_engine(
        # One more than is kept for transactions: for what is none, and needs a connection as well.
        url, poolclass=sa.QueuePool, pool_size=size, max_overflow=1,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_S},
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # The driver's own idea of when to begin is switched off: `_begin` does it.
        connection.isolation_level = None
        connection.create_function("taskq_fold", 1, _fold, deterministic=True)
        decimal_order.install(connection)
        cursor = connection.cursor()
        # First: it counts where there is no table yet, and else when the file is written anew (`space`).
        cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        cursor.execute("PRAGMA journal_size_limit = 67108864")
        if not writes:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        if not driver.in_transaction:  # else `Connections` has begun it
            driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _fold(text: Any) -> Any:
    return text.casefold() if isinstance(text, str) else text
