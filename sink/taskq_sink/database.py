"""The results database: one row an attempt, with its value and its provenance.

It is a database of its own: the task table says what is to be done, this one what came
out. An outcome is committed here before its message is acknowledged, and stays marked as untold
until the service has it, so neither a crash of the sink nor a service that is away loses one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from taskq_kernel.domain import Verdict
from taskq_kernel.errors import MessageError
from taskq_kernel.messages import OutcomeMessage, decode, encode
from taskq_kernel.project_manifest import DIRTY

log = logging.getLogger(__name__)

#: In place of the service's verdict: the outcome cannot be read any more, so nobody was told.
UNREADABLE = "UNREADABLE"

metadata = sa.MetaData()

#: Times are seconds since 1970 (UTC), durations seconds, JSON columns JSON texts.
results = sa.Table(
    "results",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("task_id", sa.String(36), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("arguments", sa.Text, nullable=False),
    sa.Column("value_kind", sa.String(8)),
    sa.Column("value_type", sa.Text),
    sa.Column("value_text", sa.Text),
    sa.Column("value", sa.Text, comment="the value's JSON, unless value_ref names it"),
    sa.Column("value_ref", sa.String(64), comment="SHA-256 of a value kept by the service"),
    sa.Column("value_size", sa.BigInteger),
    sa.Column("error_name", sa.Text),
    sa.Column("error_message", sa.Text),
    sa.Column("error_stacktrace", sa.Text),
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("finished_at", sa.Float, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("code_sha256", sa.String(64), nullable=False),
    sa.Column("julia_version", sa.String(32), nullable=False),
    sa.Column("runner", sa.String(32), nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("peak_memory_bytes", sa.BigInteger, nullable=False),
    sa.Column("manifest_sha256", sa.String(64), comment="of the manifest of the Julia project; NULL: none"),
    sa.Column("received_at", sa.Float, nullable=False),
    sa.Column("verdict", sa.String(16), comment="what the service made of it; NULL: not told yet"),
    sa.Column("seed", sa.BigInteger, comment="what its random numbers started from; NULL: of an earlier release"),
    sa.Column("series", sa.Text, comment="what it reported as series of numbers, as JSON; NULL: nothing"),
    sa.Column("timing", sa.Text, comment="where its time went, as JSON; NULL: not known"),
    sa.Column("julia_flags", sa.Text, comment="Julia's options that decide what it computes"),
    sa.Column("threads", sa.Integer, comment="Julia's threads; NULL: of an earlier release, as all below"),
    sa.Column("blas", sa.Text, comment="linear algebra; NULL: none was loaded"),
    sa.Column("blas_threads", sa.Integer, comment="its threads"),
    sa.Column("cpu", sa.Text, comment="the processor's model"),
    sa.Column("cpu_target", sa.Text, comment="for which processor Julia compiled"),
    sa.Column("system", sa.Text, comment="the operating system and its release"),
    sa.Column("taskq_version", sa.Text, comment="of the worker"),
    sa.Column("message", sa.LargeBinary, comment="the outcome as it came, until the service has it"),
    sa.Column("project", sa.String(64), comment="the folder that it had at hand, by its content; NULL: none"),
    sa.Column("project_commit", sa.Text, comment="its git commit, as its owner says; NULL: none"),
    sa.Column("project_dirty", sa.Boolean, comment="whether files had changed since that commit"),
    sa.UniqueConstraint("task_id", "attempt"),
    sa.Index("results_untold", "id", sqlite_where=sa.text("verdict IS NULL"),
             postgresql_where=sa.text("verdict IS NULL")),
    sa.Index("results_finished_at", "finished_at"),
)  # fmt: skip

#: Which packages results were computed with: the texts of Julia's manifests, which `results.manifest_sha256` names,
#: each once. Its name is not that of the task database's table: both may be in one PostgreSQL database.
manifests = sa.Table(
    "result_manifests",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("seen_at", sa.Float, nullable=False, comment="when a worker told it the last time"),
)

#: Rows of `results` that another release wrote and this one cannot read. They keep their message.
unreadable = sa.Table(
    "unreadable",
    metadata,
    sa.Column("result", sa.ForeignKey(results.c.id), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("found_at", sa.Float, nullable=False),
    sa.Column("reported_at", sa.Float, comment="when it went to the dead-letter queue; NULL: not yet"),
)


#: When the database took something the last time: where it is asked whether it does.
probes = sa.Table(
    "probes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Float, nullable=False),
)

#: An attempt: the task's id, and its number.
Key = tuple[str, int]
#: An attempt, and what the service has made of its outcome.
Reported = tuple[Key, Verdict]


class Untold(NamedTuple):
    """Outcomes that the service does not have, and whether there are more of them."""

    outcomes: list[OutcomeMessage]
    more: bool


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row that cannot be read: its id, its message as it is kept, and why."""

    id: int
    body: bytes
    reason: str


def results_engine(url: str | sa.URL) -> sa.Engine:
    """The engine behind the results database's URL, as the sink uses it."""
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _configure_sqlite)
    return engine


class ResultsDatabase:
    """The table of results behind an SQLAlchemy URL. Calls block; one thread at a time."""

    def __init__(self, url: str | sa.URL) -> None:
        self._engine = results_engine(url)
        self._insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        self._told_again = self._insert(manifests).on_conflict_do_update(
            index_elements=["sha256"], set_={"seen_at": sa.bindparam("now")}
        )
        self._keep = self._insert(results).on_conflict_do_nothing(index_elements=["task_id", "attempt"])
        metadata.create_all(self._engine)
        self._add_missing_columns()
        for index in results.indexes:
            index.create(self._engine, checkfirst=True)

    def _add_missing_columns(self) -> None:
        """Give a table of an earlier release the columns that came later, which may all be NULL."""
        there = {column["name"] for column in sa.inspect(self._engine).get_columns(results.name)}
        with self._engine.begin() as connection:
            for column in results.columns:
                if column.name not in there:
                    kind = column.type.compile(self._engine.dialect)
                    connection.execute(sa.text(f"ALTER TABLE {results.name} ADD COLUMN {column.name} {kind}"))

    def commit(self, outcomes: Sequence[OutcomeMessage], reported: Sequence[Reported] = ()) -> bool:
        """Keep outcomes, in one transaction. One that is there already changes nothing.

        Parameters
        ----------
        reported : sequence of Reported
            What the service has made of earlier ones, to be kept with them: see `mark_reported`.

        Returns
        -------
        bool
            Whether all of them are new. False, too, where the database does not say.
        """
        now = time.time()
        rows = [_row(outcome, now) for outcome in outcomes]
        with self._engine.begin() as connection:
            if reported:
                _mark(connection, reported)
            texts = _manifests(outcomes, now)
            if texts:
                connection.execute(self._told_again, texts)
            kept = connection.execute(self._keep, rows, execution_options={"preserve_rowcount": True})
        return kept.rowcount == len(rows)

    def probe(self) -> None:
        """Write something, as a commit does: whatever keeps that from being kept is raised."""
        row = {"id": 1, "at": time.time()}
        statement = self._insert(probes).values(row).on_conflict_do_update(index_elements=["id"], set_=row)
        with self._engine.begin() as connection:
            connection.execute(statement)

    def unreported(self, limit: int, limit_bytes: int, without: Sequence[Key] = ()) -> Untold:
        """The oldest outcomes that the service does not have yet.

        Those that cannot be read are quarantined.

        Parameters
        ----------
        limit, limit_bytes : int
            How many, and how long all of them may be; the first comes however long it is.
        without : sequence of Key
            Those that are not wanted now.
        """
        while True:
            outcomes, others = [], []
            rows, more = self._oldest(limit, limit_bytes, without)
            for row in rows:
                try:
                    outcomes.append(decode(OutcomeMessage, row.message))
                except MessageError as error:
                    others.append({"of_result": row.id, "reason": error.reason, "found_at": time.time()})
            if others:
                self._quarantine(others)
            if outcomes or not others:
                return Untold(outcomes, more)

    def _oldest(
        self, limit: int, limit_bytes: int, without: Sequence[Key]
    ) -> tuple[list[sa.Row[Any]], bool]:
        """The first rows whose outcomes are not told, and whether there are more. Their sizes are read first."""
        sizes = (
            sa.select(results.c.id, sa.func.length(results.c.message))
            .where(results.c.verdict.is_(None))
            .order_by(results.c.id)
            .limit(limit)
        )
        if without:
            sizes = sizes.where(sa.tuple_(results.c.task_id, results.c.attempt).not_in(without))
        with self._engine.connect() as connection:
            rows = connection.execute(sizes).all()
            total = accumulate(size or 0 for _, size in rows)
            ids = [row.id for row, so_far in zip(rows, total, strict=True) if so_far <= limit_bytes]
            ids = ids or [row.id for row in rows[:1]]
            query = sa.select(results.c.id, results.c.message).where(results.c.id.in_(ids))
            more = len(rows) == limit or len(ids) < len(rows)
            return list(connection.execute(query.order_by(results.c.id))), more

    def _quarantine(self, rows: Sequence[dict[str, object]]) -> None:
        log.error("quarantining %d outcomes that cannot be read, the first: %s", len(rows), rows[0]["reason"])
        mark = sa.update(results).where(results.c.id == sa.bindparam("of_result")).values(verdict=UNREADABLE)
        keep = sa.insert(unreadable).values(result=sa.bindparam("of_result"))
        with self._engine.begin() as connection:
            connection.execute(mark, rows)
            connection.execute(keep, rows)

    def quarantined(self, limit: int) -> list[Quarantined]:
        """The oldest quarantined rows that are no dead letters yet."""
        query = (
            sa.select(results.c.id, results.c.message, unreadable.c.reason)
            .join(unreadable, unreadable.c.result == results.c.id)
            .where(unreadable.c.reported_at.is_(None))
            .order_by(results.c.id)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [Quarantined(row.id, row.message, row.reason) for row in connection.execute(query)]

    def mark_dead_lettered(self, rows: Sequence[Quarantined]) -> None:
        """These are in the dead-letter queue now."""
        statement = sa.update(unreadable).where(unreadable.c.result.in_([row.id for row in rows]))
        with self._engine.begin() as connection:
            connection.execute(statement.values(reported_at=time.time()))

    def mark_reported(self, reported: Sequence[Reported]) -> None:
        """The service has these outcomes; keep what it made of them."""
        with self._engine.begin() as connection:
            _mark(connection, reported)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


_MARK = (
    sa.update(results)
    .where(results.c.task_id == sa.bindparam("of_task"), results.c.attempt == sa.bindparam("of_attempt"))
    .values(verdict=sa.bindparam("said"), message=None)
)


def _mark(connection: sa.Connection, reported: Sequence[Reported]) -> None:
    rows = [{"of_task": task_id, "of_attempt": attempt, "said": said.value} for (task_id, attempt), said in reported]
    connection.execute(_MARK, rows)


def _configure_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # a DB-API connection
    # The first counts where there is no table yet: rows that go give their space back.
    for pragma in ("auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _row(outcome: OutcomeMessage, now: float) -> dict[str, object]:
    value, error, origin = outcome.value, outcome.error, outcome.provenance
    commit = origin.project_commit
    return {
        "task_id": outcome.id,
        "attempt": outcome.attempt,
        "name": _text(outcome.name),
        "status": outcome.status.value,
        "arguments": bytes(outcome.arguments).decode(),
        "value_kind": value.kind.value if value else None,
        "value_type": _text(value.type) if value else None,
        "value_text": _text(value.text) if value else None,
        "value": bytes(value.data).decode() if value and value.data is not msgspec.UNSET else None,
        "value_ref": value.ref if value else None,
        "value_size": value.size if value else None,
        "error_name": _text(error.name) if error else None,
        "error_message": _text(error.message) if error else None,
        "error_stacktrace": _text(error.stacktrace) if error else None,
        "started_at": outcome.started_at,
        "finished_at": outcome.finished_at,
        "seconds": outcome.seconds,
        "code_sha256": origin.code_sha256,
        "julia_version": origin.julia_version,
        "runner": origin.runner,
        "host": origin.host,
        "worker": origin.worker,
        "peak_memory_bytes": origin.peak_memory_bytes,
        "manifest_sha256": origin.manifest_sha256,
        "seed": origin.seed,
        "series": None if isinstance(outcome.series, msgspec.UnsetType) else bytes(outcome.series).decode(),
        "timing": None if outcome.timing is None else msgspec.json.encode(outcome.timing).decode(),
        "julia_flags": _text(origin.julia_flags),
        "threads": origin.threads,
        "blas": origin.blas and _text(origin.blas.name),
        "blas_threads": origin.blas and origin.blas.threads,
        "cpu": _text(origin.cpu),
        "cpu_target": _text(origin.cpu_target),
        "system": _text(origin.system),
        "taskq_version": _text(origin.taskq_version),
        "received_at": now,
        "project": origin.project,
        "project_commit": None if commit is None else _text(commit.removesuffix(DIRTY)),
        "project_dirty": None if commit is None else commit.endswith(DIRTY),
        "message": encode(outcome),
    }


def _manifests(outcomes: Sequence[OutcomeMessage], now: float) -> list[dict[str, object]]:
    """The texts of manifests that go along with outcomes, each once."""
    origins = [one.provenance for one in outcomes]
    told = {one.manifest_sha256: one.manifest for one in origins if one.manifest_sha256 and one.manifest is not None}
    return [
        {"sha256": sha256, "text": _text(text), "seen_at": now, "now": now} for sha256, text in sorted(told.items())
    ]


def _text(text: str) -> str:
    """Text as PostgreSQL takes it, which knows no NUL character."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}")
