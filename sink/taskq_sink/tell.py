"""Tell the service what was committed to the results database.

Outcomes are told in batches. Where the service refuses a batch, each goes by itself, so that
one which it cannot read holds up no other: that one is told in a simpler form, as a value
that is text, or a failure, so that its task ends. Where the service itself fails over one,
that one is put off and tried again, and told in a simpler form after some times.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from taskq_kernel.domain import Verdict
from taskq_kernel.errors import ServiceError, ServiceUnreachable
from taskq_kernel.messages import OutcomeMessage
from taskq_kernel.transport.graphql import GraphQLTransport
from taskq_sink.database import Key, Reported, ResultsDatabase
from taskq_sink.simpler import simpler

log = logging.getLogger(__name__)

#: Outcomes told to the service in one request, and their size in bytes.
TELL_BATCH = 200
TELL_BYTES = 8 << 20
#: What waits in memory to be told, in bytes; the rest waits in the database.
MEMORY_BYTES = 16 << 20
#: How often the database is read all the same, in seconds: what is untold there must not depend on memory alone.
LOOK_S = 5.0
#: How long what is told may stay unmarked while nothing else is committed, in seconds.
MARK_S = 0.5
#: Back-off while the service is away, in seconds.
BACKOFF_S = (0.1, 2.0)
#: An outcome over which the service fails is put off by this, in seconds, each time by twice
#: as much up to the second figure; after so many times it is told in a simpler form.
PUT_OFF_S = (1.0, 300.0)
PUT_OFF_TIMES = 6
#: What the service says when it refuses nothing: it is at fault itself, or the token is.
_NOT_NOW = frozenset({"UNAVAILABLE", "UNAUTHORIZED", "FORBIDDEN"})
#: ... when it has looked at an outcome and cannot take it.
_REFUSED = frozenset({"BAD_INPUT"})

_RECORD = """mutation Record($outcomes: [OutcomeInput!]!) { recordOutcomes(outcomes: $outcomes) }"""


@dataclass(slots=True)
class _PutOff:
    """An outcome over which the service has failed so many times, and when it is tried again."""

    times: int
    until: float


class Teller:
    """Tells outcomes until it is cancelled.

    What was just committed is told from memory. Where memory does not have everything that is
    untold (at the start, after a failure, when it is full, or when something came twice), the
    database is read until it has nothing more to tell.

    That an outcome is told is marked with the next commit, or soon where none comes. Whatever
    is not marked by the end of this process is told again by the next one, which changes nothing.

    Parameters
    ----------
    database_lock : asyncio.Lock
        Held for each call of the database.
    """

    def __init__(self, database: ResultsDatabase, transport: GraphQLTransport, database_lock: asyncio.Lock) -> None:
        self._database = database
        self._transport = transport
        self._database_lock = database_lock
        self._put_off: dict[Key, _PutOff] = {}
        #: Whether outcomes may be untold that are not in `_fresh`, such as those that an earlier run did not tell.
        self._behind = True
        self._fresh: deque[tuple[OutcomeMessage, int]] = deque()
        self._fresh_bytes = 0
        #: What is told and not marked, and when it is to be marked whatever else is committed by then.
        self._unmarked: list[Reported] = []
        self._mark_by: float | None = None
        self._look_at = 0.0
        self._wake = asyncio.Event()
        self._wake.set()

    def kept(self, outcomes: Sequence[tuple[OutcomeMessage, int]] | None = None) -> None:
        """Something was committed; called before anybody else may have the database lock.

        Parameters
        ----------
        outcomes : sequence of (OutcomeMessage, int), optional
            The outcomes and their sizes in bytes, where none of them had been there. Default: the
            database knows.
        """
        size = sum(size for _, size in outcomes or ())
        if outcomes is None or self._fresh_bytes + size > MEMORY_BYTES:
            self._behind = True
        elif not self._behind:
            self._fresh.extend(outcomes)
            self._fresh_bytes += size
        self._wake.set()

    @property
    def unmarked(self) -> list[Reported]:
        """What is told and not marked; to be marked by whoever commits next, and then handed to `marked`."""
        return list(self._unmarked)

    def marked(self, reported: Sequence[Reported]) -> None:
        """These, the oldest of `unmarked`, are marked; called with the database lock held."""
        del self._unmarked[: len(reported)]
        self._mark_by = time.monotonic() + MARK_S if self._unmarked else None

    async def run(self) -> None:
        """Tell, for ever."""
        delay, said = BACKOFF_S[0], False
        while True:
            with contextlib.suppress(TimeoutError):
                # Not `wait_for`: Python 3.11's takes no notice of being cancelled just when what it waits for is there.
                async with asyncio.timeout(self._next_due_s()):
                    await self._wake.wait()
            self._wake.clear()
            try:
                while await self._tell_some():
                    if said:
                        log.info("the service is back")
                    delay, said = BACKOFF_S[0], False
                if self._mark_by is not None and self._mark_by <= time.monotonic():
                    async with self._database_lock:
                        await self._mark()
            except (ServiceUnreachable, ServiceError, SQLAlchemyError) as error:
                self._behind = True
                if not said:
                    log.warning("cannot tell the service, trying again: %s", first_line(error))
                said = True
                await asyncio.sleep(delay)
                delay = min(2 * delay, BACKOFF_S[1])
                self._wake.set()

    def _next_due_s(self) -> float:
        """In how many seconds one that was put off is due, what is told is to be marked, or the database is read."""
        due = [self._look_at, *(one.until for one in self._put_off.values())]
        if self._mark_by is not None:
            due.append(self._mark_by)
        return max(0.0, min(due) - time.monotonic())

    async def _tell_some(self) -> bool:
        """Tell the oldest outcomes; False if there are none."""
        now = time.monotonic()
        if now >= self._look_at or any(one.until <= now for one in self._put_off.values()):
            self._behind = True
        outcomes = await self._read() if self._behind else self._take_fresh()
        if not outcomes:
            return False
        verdicts = await self._verdicts(outcomes)
        for outcome, verdict in zip(outcomes, verdicts, strict=True):
            if verdict is None:
                continue
            self._put_off.pop(_key(outcome), None)
            self._unmarked.append((_key(outcome), verdict))
            if verdict is Verdict.REFUSED:
                log.info("task %s attempt %d: outcome refused", outcome.id, outcome.attempt)
        if self._unmarked and self._mark_by is None:
            self._mark_by = time.monotonic() + MARK_S
        return True

    def _take_fresh(self) -> list[OutcomeMessage]:
        """The oldest in memory, as many as are told at once."""
        taken: list[OutcomeMessage] = []
        size = 0
        while self._fresh and len(taken) < TELL_BATCH and (not taken or size + self._fresh[0][1] <= TELL_BYTES):
            outcome, its_size = self._fresh.popleft()
            taken.append(outcome)
            size += its_size
        self._fresh_bytes -= size
        return taken

    async def _read(self) -> list[OutcomeMessage]:
        """The oldest in the database, as many as are told at once."""
        self._fresh.clear()
        self._fresh_bytes = 0
        async with self._database_lock:
            await self._mark()  # or it would be read, and told, again
            now = time.monotonic()
            waiting = [key for key, one in self._put_off.items() if one.until > now]
            outcomes, more = await asyncio.to_thread(self._database.unreported, TELL_BATCH, TELL_BYTES, waiting)
            # Under the lock: whatever is committed after this is handed to `kept`.
            self._behind = more
        self._look_at = time.monotonic() + LOOK_S
        return outcomes

    async def _mark(self) -> None:
        reported = self.unmarked
        if reported:
            await asyncio.to_thread(self._database.mark_reported, reported)
            self.marked(reported)

    async def _verdicts(self, outcomes: list[OutcomeMessage]) -> list[Verdict | None]:
        """What the service makes of each; None for one that is put off."""
        fresh = [outcome for outcome in outcomes if _key(outcome) not in self._put_off]
        if len(fresh) == len(outcomes):
            try:
                return list(await self._record(outcomes))
            except ServiceError as error:
                if error.code in _NOT_NOW:
                    raise
        return [await self._alone(outcome) for outcome in outcomes]

    async def _record(self, outcomes: list[OutcomeMessage]) -> list[Verdict]:
        variables = {"outcomes": [_input(outcome) for outcome in outcomes]}
        reply = await asyncio.to_thread(self._transport.execute, _RECORD, variables)
        return [Verdict(verdict) for verdict in reply["recordOutcomes"]]

    async def _alone(self, outcome: OutcomeMessage) -> Verdict | None:
        """Tell one outcome; if it cannot be told as it is, in a simpler form."""
        try:
            return (await self._record([outcome]))[0]
        except ServiceError as error:
            if error.code in _NOT_NOW:
                raise
            reason = first_line(error)
            log.error("task %s attempt %d: the service cannot record it: %s", outcome.id, outcome.attempt, reason)
            if error.code not in _REFUSED and self._times(outcome) < PUT_OFF_TIMES:
                self._put_off_again(outcome)
                return None
        return await self._in_a_simpler_form(outcome, reason)

    async def _in_a_simpler_form(self, outcome: OutcomeMessage, reason: str) -> Verdict | None:
        for other in simpler(outcome, reason):
            try:
                return (await self._record([other]))[0]
            except ServiceError as error:
                if error.code in _NOT_NOW:
                    raise
        self._put_off_again(outcome)
        return None

    def _times(self, outcome: OutcomeMessage) -> int:
        known = self._put_off.get(_key(outcome))
        return known.times if known else 0

    def _put_off_again(self, outcome: OutcomeMessage) -> None:
        times = self._times(outcome) + 1
        wait_s = min(PUT_OFF_S[0] * 2 ** (times - 1), PUT_OFF_S[1])
        self._put_off[_key(outcome)] = _PutOff(times, time.monotonic() + wait_s)


def _key(outcome: OutcomeMessage) -> Key:
    return outcome.id, outcome.attempt


def _input(outcome: OutcomeMessage) -> dict[str, Any]:
    """The outcome as GraphQL's ``OutcomeInput``."""
    value = outcome.value
    fields: dict[str, Any] = {
        "id": outcome.id,
        "attempt": outcome.attempt,
        "worker": outcome.worker,
        "status": outcome.status.value,
        "startedAt": outcome.started_at,
        "finishedAt": outcome.finished_at,
        "seconds": outcome.seconds,
        "retryable": outcome.retryable,
        "logs": [msgspec.structs.asdict(chunk) for chunk in outcome.logs],
    }
    if outcome.lost:
        fields["lost"] = True
    if outcome.progress is not None:
        fields |= {"progress": outcome.progress, "progressMessage": outcome.progress_message}
    if value is not None:
        # asdict keeps UNSET, which has no form in JSON
        fields["value"] = {k: v for k, v in msgspec.structs.asdict(value).items() if v is not msgspec.UNSET}
    if not isinstance(outcome.series, msgspec.UnsetType):
        fields["series"] = outcome.series
    if outcome.timing is not None:
        fields["timing"] = msgspec.structs.asdict(outcome.timing)
    if outcome.provenance.taskq_version:  # a worker of an earlier release does not say what it is
        fields["surroundings"] = outcome.provenance.surroundings()
        fields["peakMemory"] = outcome.provenance.peak_memory_bytes
    if outcome.files:
        fields["files"] = [msgspec.structs.asdict(file) for file in outcome.files]
    if outcome.provenance.manifest_sha256 is not None:
        fields["manifestSha256"] = outcome.provenance.manifest_sha256
        if outcome.provenance.manifest is not None:
            fields["manifest"] = outcome.provenance.manifest
    if outcome.error is not None:
        fields["error"] = msgspec.structs.asdict(outcome.error)
    return fields


def first_line(error: Exception) -> str:
    """The first line of what an error says."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
