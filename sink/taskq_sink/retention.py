"""Retention of results: what ended long ago goes from the results database, and the file gets smaller.

A row that the service has not heard of stays, however old, and so does one that is quarantined until it is a
dead letter.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from taskq_kernel.settings import Settings
from taskq_kernel.store.manifests import UNUSED_S
from taskq_kernel.store.space import file_bytes, give_back
from taskq_sink.database import UNREADABLE, manifests, results, results_engine, unreadable

log = logging.getLogger(__name__)

#: Rows that go in one transaction, and the pause after it, in seconds: outcomes are kept meanwhile.
STEP, PAUSE_S = 500, 0.05
#: How often it is looked for what has become old, in seconds; the first time soon after the start.
LOOK_S, FIRST_S = 3_600.0, 60.0
#: Files above this are not written anew by themselves, in bytes.
LARGEST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows went, or would; about how much that is, and how large the file is then (0: not known)."""

    rows: int
    size_bytes: int
    file_bytes: int


def prune_results(
    url: str | sa.URL, before: float, status: Collection[str] | None = None, *, dry_run: bool = False,
    largest: int | None = None,
) -> Iterator[Pruned]:
    """Remove results of attempts that ended before a time, some with each step; what went so far.

    Parameters
    ----------
    url : str or sqlalchemy.URL
        The results database.
    before : float
        The time, in seconds since 1970.
    status : collection of str, optional
        Only those that ended so. Default: however they ended.
    dry_run : bool
        Only find out how much would go.
    largest : int, optional
        The largest file that is written anew, in bytes. Default: any.
    """
    engine = results_engine(url)
    try:
        goes = _goes(before, status)
        count, size = _measured(engine, goes)
        yield Pruned(count, size, file_bytes(engine))
        if dry_run:
            return
        while _remove_some(engine, goes):
            yield Pruned(count, size, file_bytes(engine))
        _forget_manifests(engine)
        while give_back(engine, largest).more:
            yield Pruned(count, size, file_bytes(engine))
        yield Pruned(count, size, file_bytes(engine))
    finally:
        engine.dispose()


def _goes(before: float, status: Collection[str] | None) -> sa.ColumnElement[bool]:
    still_to_tell = sa.select(unreadable.c.result).where(unreadable.c.reported_at.is_(None))
    told = sa.and_(
        results.c.verdict.isnot(None),
        sa.or_(results.c.verdict != UNREADABLE, results.c.id.not_in(still_to_tell)),
    )
    goes = sa.and_(results.c.finished_at < before, told)
    return goes if status is None else sa.and_(goes, results.c.status.in_(sorted(status)))


_LONG = ("arguments", "value_text", "value", "error_message", "error_stacktrace", "series", "timing", "message")
#: What a row costs beside its long texts, in bytes: about.
_ROW_BYTES = 500


def _measured(engine: sa.Engine, goes: sa.ColumnElement[bool]) -> tuple[int, int]:
    size: sa.ColumnElement[Any] = sa.literal(_ROW_BYTES)
    for name in _LONG:
        size = size + sa.func.coalesce(sa.func.length(results.c[name]), 0)
    with engine.connect() as conn:
        count, total = conn.execute(sa.select(sa.func.count(), sa.func.sum(size)).where(goes)).one()
    return int(count), int(total or 0)


def _remove_some(engine: sa.Engine, goes: sa.ColumnElement[bool]) -> int:
    with engine.begin() as conn:
        ids = conn.execute(sa.select(results.c.id).where(goes).order_by(results.c.id).limit(STEP)).scalars().all()
        if ids:
            conn.execute(sa.delete(unreadable).where(unreadable.c.result.in_(ids)))
            conn.execute(sa.delete(results).where(results.c.id.in_(ids)))
    return len(ids)


def _forget_manifests(engine: sa.Engine) -> None:
    """Remove texts of manifests that no result names any longer, and that no worker has told lately."""
    named = sa.select(results.c.manifest_sha256).where(results.c.manifest_sha256.isnot(None))
    with engine.begin() as conn:
        conn.execute(sa.delete(manifests).where(
            manifests.c.seen_at < time.time() - UNUSED_S, manifests.c.sha256.not_in(named)
        ))


async def keep_pruned(url: str | sa.URL, settings: Settings) -> None:
    """Remove what has become old, from time to time, as the settings have it, until cancelled."""
    if settings.retention is None or settings.retention_keep_results:
        return
    await asyncio.sleep(FIRST_S)
    while True:
        try:
            await _prune_once(prune_results(url, time.time() - settings.retention, largest=LARGEST_BYTES))
        except sa.exc.DBAPIError as error:
            log.error("no results pruned: %s", error.orig)
        await asyncio.sleep(LOOK_S)


async def _prune_once(steps: Iterator[Pruned]) -> None:
    done: Pruned | None = None
    while (step := await asyncio.to_thread(next, steps, None)) is not None:
        done = step
        await asyncio.sleep(PAUSE_S)
    if done is not None and done.rows:
        log.info("remove %d old results: about %d MB", done.rows, done.size_bytes // 1_000_000)
