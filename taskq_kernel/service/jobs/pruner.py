"""Prunes tasks that are done and old: some at a time, beside everybody else's work."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf
from typing import assert_never

from taskq_kernel.domain import FINAL
from taskq_kernel.errors import InvalidTask
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.blobs import Blobs
from taskq_kernel.store import retention, space
from taskq_kernel.store.database import StoreUnavailable
from taskq_kernel.store.retention import Place, Rule, Step

log = logging.getLogger(__name__)

#: How often the service looks for what has become old, in seconds; the first time soon after its start.
LOOK_S, FIRST_S = 3_600.0, 30.0
#: After a step others have the database for as long as it took, and for this long at least, in seconds.
PAUSE_S = 0.02
#: The service by itself writes no larger file anew: others wait meanwhile. In bytes.
LARGEST_BYTES = 1 << 30


class Stage(StrEnum):
    """What goes, in this order."""

    BATCHES = "batches"
    TASKS = "tasks"
    TOMBSTONES = "tombstones"
    SPACE = "space"


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far pruning has come."""

    stage: Stage = Stage.BATCHES
    after: Place | None = None

    def __str__(self) -> str:
        return self.stage if self.after is None else f"{self.stage} {self.after[0]!r} {self.after[1]}"

    @classmethod
    def of(cls, text: str) -> Cursor:
        """The cursor that was written as this text.

        Raises
        ------
        InvalidTask
            If it is none.
        """
        stage, *place = text.split(" ")
        try:
            if not place:
                return cls(Stage(stage))
            at, number = place
            return cls(Stage(stage), (float(at), int(number)))
        except ValueError:
            raise InvalidTask(f"is {text[:80]!r}: give the cursor of an answer", "after") from None


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or would go.

    Attributes
    ----------
    tasks, batches, tombstones : int
        How many.
    kept : int
        How many tasks are old enough, and stay: others need them, or their batch stays.
    size_bytes : int
        About how much went.
    file_bytes : int
        How large the database's file is; 0 where that is not known.
    cursor : Cursor or None
        Where to go on; None: all is done.
    """

    tasks: int = 0
    batches: int = 0
    tombstones: int = 0
    kept: int = 0
    size_bytes: int = 0
    file_bytes: int = 0
    cursor: Cursor | None = Cursor()


class Pruner:
    """Prunes when it is asked to, and from time to time as the settings have it.

    Parameters
    ----------
    keep_s : float or None
        How long tasks are kept that are done, in seconds; None: for ever.
    keep_results : bool
        Whether their results stay.
    """

    def __init__(self, store: AsyncStore, blobs: Blobs, keep_s: float | None, keep_results: bool) -> None:
        self._store = store
        self._blobs = blobs
        self._keep_s = keep_s
        self._keep_results = keep_results

    async def run(self) -> None:
        """Prune from time to time, until cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                log.error("nothing pruned: %s", error)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> Pruned:
        """Prune what the settings call old, once."""
        if self._keep_s is None:
            return Pruned(cursor=None)
        rule = Rule(self._store.sync.clock() - self._keep_s, keep_results=self._keep_results)
        return await self.prune(rule, inf, largest=LARGEST_BYTES)

    async def prune(
        self, rule: Rule, budget_s: float, cursor: Cursor | None = None, *, trial: bool = False,
        largest: int | None = None,
    ) -> Pruned:
        """Prune until all is done, or for a while; what went.

        Parameters
        ----------
        budget_s : float
            For how long at most, in seconds; one step is made in any case.
        cursor : Cursor, optional
            Where to go on.
        trial : bool
            Only find out what would go.
        largest : int, optional
            The largest database file that is written anew, in bytes. Default: any.
        """
        walk = _Walk(self._store, self._blobs, rule, trial, largest)
        done = Pruned(cursor=cursor or Cursor())
        until = time.monotonic() + budget_s
        while done.cursor is not None:
            began = time.monotonic()
            done = await walk.step(done, done.cursor)
            if time.monotonic() >= until:
                break
            await asyncio.sleep(max(PAUSE_S, time.monotonic() - began))
        if done.tasks or done.batches or done.tombstones:
            what = "trim" if rule.keep_results else "remove"
            log.info(
                "%s %d old tasks, and remove %d batches and %d tombstones: about %d MB%s",
                what, done.tasks, done.batches, done.tombstones, done.size_bytes // 1_000_000,
                " (a trial: nothing has changed)" if trial else "",
            )
        return done


@dataclass(slots=True)
class _Walk:
    """One step after another, by one rule."""

    store: AsyncStore
    blobs: Blobs
    rule: Rule
    trial: bool
    largest: int | None
    #: In a trial: the batches that would have gone before their points.
    gone: Collection[str] | None = None

    async def step(self, done: Pruned, cursor: Cursor) -> Pruned:
        """Make the step that a cursor stands before."""
        match cursor.stage:
            case Stage.BATCHES:
                return await self._batches(done)
            case Stage.TASKS:
                return await self._tasks(done, cursor.after)
            case Stage.TOMBSTONES:
                return await self._tombstones(done, cursor.after)
            case Stage.SPACE:
                return await self._space(done)
            case _:
                assert_never(cursor.stage)

    async def _batches(self, done: Pruned) -> Pruned:
        if self.rule.keep_results:
            return replace(done, cursor=Cursor(Stage.TASKS))
        found = await self.store.read(retention.old_batches, self.rule, None if self.trial else retention.BATCHES_STEP)
        if self.trial or not found:
            return replace(done, batches=done.batches + len(found), cursor=Cursor(Stage.TASKS))
        gone = await self.store.write(retention.remove_batches, self.rule, found)
        return replace(done, batches=done.batches + gone)

    async def _tasks(self, done: Pruned, after: Place | None) -> Pruned:
        if self.gone is None:
            whole = self.trial and not self.rule.keep_results
            self.gone = frozenset(await self.store.read(retention.old_batches, self.rule, None)) if whole else ()
        step = await self.store.read(retention.old_tasks, self.rule, after, self.gone)
        if step.numbers:
            if self.trial:
                step = await self.store.read(retention.measured, self.rule, step)
            else:
                operation = retention.trim_tasks if self.rule.keep_results else retention.remove_tasks
                step = await self.store.write(operation, self.rule, step)
        return replace(
            done, tasks=done.tasks + len(step.numbers), kept=done.kept + step.kept,
            size_bytes=done.size_bytes + step.size_bytes, cursor=_next(Stage.TASKS, step, Stage.TOMBSTONES),
        )

    async def _tombstones(self, done: Pruned, after: Place | None) -> Pruned:
        last = None if self.trial else Cursor(Stage.SPACE)
        if self.rule.statuses != FINAL:  # whoever names statuses means tasks
            return replace(done, cursor=last)
        step = await self.store.read(retention.old_tombstones, self.rule, after)
        if step.numbers and not self.trial:
            step = await self.store.write(retention.remove_tombstones, step)
        return replace(
            done, tombstones=done.tombstones + len(step.numbers), size_bytes=done.size_bytes + step.size_bytes,
            cursor=last if step.after is None else Cursor(Stage.TOMBSTONES, step.after),
        )

    async def _space(self, done: Pruned) -> Pruned:
        found = await self.store.maintain(space.give_back, self.largest)
        if not found.more:
            await self.blobs.sweep(self.store)
        return replace(done, file_bytes=found.file_bytes, cursor=Cursor(Stage.SPACE) if found.more else None)


def _next(stage: Stage, step: Step, then: Stage) -> Cursor:
    return Cursor(then) if step.after is None else Cursor(stage, step.after)
