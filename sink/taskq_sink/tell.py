"""Tell the service what is in the results database.

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
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from taskq_kernel.domain import Verdict
from taskq_kernel.errors import ServiceError, ServiceUnreachable
from taskq_kernel.messages import OutcomeMessage
from taskq_kernel.transport.graphql import GraphQLTransport
from taskq_sink.database import Key, ResultsDatabase
from taskq_sink.simpler import simpler

log = logging.getLogger(__name__)

#: Outcomes told to the service in one request, and their size in bytes.
TELL_BATCH = 200
TELL_BYTES = 8 << 20
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

    Parameters
    ----------
    database_lock : asyncio.Lock
        Held for each call of the database.

    Attributes
    ----------
    kept : asyncio.Event
        To be set whenever something was kept.
    """

    def __init__(self, database: ResultsDatabase, transport: GraphQLTransport, database_lock: asyncio.Lock) -> None:
        self._database = database
        self._transport = transport
        self._database_lock = database_lock
        self._put_off: dict[Key, _PutOff] = {}
        self.kept = asyncio.Event()
        self.kept.set()  # what an earlier run did not tell

    async def run(self) -> None:
        """Tell, for ever."""
        delay, said = BACKOFF_S[0], False
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.kept.wait(), self._next_due_s())
            self.kept.clear()
            try:
                while await self._tell_some():
                    if said:
                        log.info("the service is back")
                    delay, said = BACKOFF_S[0], False
            except (ServiceUnreachable, ServiceError, SQLAlchemyError) as error:
                if not said:
                    log.warning("cannot tell the service, trying again: %s", first_line(error))
                said = True
                await asyncio.sleep(delay)
                delay = min(2 * delay, BACKOFF_S[1])
                self.kept.set()

    def _next_due_s(self) -> float | None:
        """In how many seconds one that was put off is due."""
        if not self._put_off:
            return None
        return max(0.0, min(one.until for one in self._put_off.values()) - time.monotonic())

    async def _tell_some(self) -> bool:
        """Tell the oldest outcomes; False if there are none."""
        now = time.monotonic()
        waiting = [key for key, one in self._put_off.items() if one.until > now]
        async with self._database_lock:
            outcomes = await asyncio.to_thread(self._database.unreported, TELL_BATCH, TELL_BYTES, waiting)
        if not outcomes:
            return False
        verdicts = await self._verdicts(outcomes)
        told = [(outcome, verdict) for outcome, verdict in zip(outcomes, verdicts, strict=True) if verdict]
        for outcome, verdict in told:
            self._put_off.pop(_key(outcome), None)
            if verdict is Verdict.REFUSED:
                log.info("task %s attempt %d: outcome refused", outcome.id, outcome.attempt)
        if told:
            async with self._database_lock:
                await asyncio.to_thread(self._database.mark_reported, told)
        return True

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
    if outcome.error is not None:
        fields["error"] = msgspec.structs.asdict(outcome.error)
    return fields


def first_line(error: Exception) -> str:
    """The first line of what an error says."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
