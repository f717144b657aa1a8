"""From the worker back: outcomes are kept until the service has them.

An outcome is published with confirms, and kept after that: should the broker lose its
data, it is published again. The service's answer to a heartbeat tells which are settled.
A repeated outcome changes nothing.

Those that have come to an end together travel in one message, the first time.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from taskq_kernel.broker.client import Broker
from taskq_kernel.domain import ValueKind
from taskq_kernel.errors import BrokerUnreachable, ServiceError, ServiceUnreachable
from taskq_kernel.messages import INLINE_VALUE_BYTES, OutcomeMessage, ValueInfo, encode
from taskq_kernel.outcome_bundles import bundled
from taskq_worker.claims.claim import Claim, ClaimState
from taskq_worker.claims.claims import Claims
from taskq_worker.service_api import ServiceApi, is_away

log = logging.getLogger(__name__)

#: An outcome that is not settled this long after its publication is published again, in
#: seconds; each time after twice as long, until the broker was lost, which may have lost it, or up
#: to `REPUBLISH_MOST_S`. Where the sink is away, its queue must not grow by all of them for ever.
REPUBLISH_S = 15.0
REPUBLISH_MOST_S = 900.0
#: What is published at once, in outcomes and in bytes.
PUBLISH_BATCH = 200
PUBLISH_BYTES = 16 << 20
RETRY_S = 0.3
#: What is read of a file at once.
_CHUNK_BYTES = 1 << 20
#: How long the next outcomes gather after some were published, in seconds: fewer waits for confirms. One that
#: comes later than that after the last waits for nothing.
GATHER_S = 0.01
#: And at most, while the slots have work in hand for twice as long: whoever waits for an outcome in order to
#: submit more does not keep them waiting by that.
GATHER_MOST_S = 0.05


class Outcomes:
    """Publishes the outcomes of what a worker has claimed.

    Parameters
    ----------
    broker, api, claims
        The worker's own.
    work_in_hand_s : callable
        For how many seconds the slots have work that is claimed already.
    """

    def __init__(
        self, broker: Broker, api: ServiceApi, claims: Claims, work_in_hand_s: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._broker = broker
        self._api = api
        self._claims = claims
        self._work_in_hand_s = work_in_hand_s
        self._pending: list[Claim] = []
        self._wake = asyncio.Event()
        broker.on_connect.append(self._connected)

    def add(self, claim: Claim, outcome: OutcomeMessage, file: BinaryIO | None = None) -> None:
        """A task is done; its outcome is on its way from now on, its value in a file where it is in one."""
        claim.keep_file(file)
        self._claims.set_outcome(claim, outcome)
        self._pending.append(claim)
        self._wake.set()

    @property
    def unpublished(self) -> int:
        """How many outcomes the broker has not confirmed."""
        return len(self._pending)

    @property
    def gather_s(self) -> float:
        """How long the next outcomes gather, in seconds."""
        return max(GATHER_S, min(self._work_in_hand_s() / 2, GATHER_MOST_S))

    def repeat(self) -> None:
        """Publish again what should have been settled by now."""
        now = time.monotonic()
        for claim in self._claims:
            if claim.state is ClaimState.DONE and claim.published_at is not None and now > _due_again(claim):
                claim.publish_again()
                self._pending.append(claim)
                self._wake.set()

    async def _connected(self, _broker: Broker) -> None:
        for claim in self._claims:
            claim.broker_was_lost()

    def _batch(self) -> list[Claim]:
        """The oldest that wait, as many as are published at once."""
        batch: list[Claim] = []
        size = 0
        for claim in self._pending[:PUBLISH_BATCH]:
            size += claim.message_bytes + claim.outcome_bytes
            if batch and size > PUBLISH_BYTES:
                break
            batch.append(claim)
        return batch

    async def run(self) -> None:
        """Publish for ever."""
        said = False
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                first = self._batch()
                are_all = len(first) == len(self._pending)
                try:
                    await self._publish([claim for claim in first if self._claims.holds(claim)])
                except (BrokerUnreachable, ServiceUnreachable) as error:
                    if not said:
                        log.warning(
                            "keeping %d outcomes until they can be sent: %s", len(self._pending), error
                        )
                    said = True
                    await asyncio.sleep(RETRY_S)
                else:
                    said = False
                    del self._pending[: len(first)]  # others have come behind them meanwhile
                    if are_all:
                        await asyncio.sleep(self.gather_s)

    async def _publish(self, batch: list[Claim]) -> None:
        bodies = [(claim, encode(await self._with_uploaded_value(claim))) for claim in batch]
        # What was sent and is not settled may have met a sink that reads single outcomes only.
        again = [body for claim, body in bodies if claim.published]
        messages = [*again, *bundled([body for claim, body in bodies if not claim.published])]
        await self._broker.publish(self._broker.names.outcomes, messages)
        now = time.monotonic()
        for claim in batch:
            claim.was_published(now)

    async def _with_uploaded_value(self, claim: Claim) -> OutcomeMessage:
        """The outcome, its value replaced by a reference if it is too large for a message."""
        outcome = claim.outcome
        if outcome is None:
            raise AssertionError("a task that is done has an outcome")
        value = outcome.value
        if value is None or value.data is msgspec.UNSET:
            return outcome
        data: bytes | BinaryIO = claim.value_file or bytes(value.data)
        if isinstance(data, bytes) and len(data) <= INLINE_VALUE_BYTES:
            return outcome
        digest, size = await asyncio.to_thread(_digest, data)
        reference: ValueInfo
        try:
            await self._api.upload(digest, data)
        except ServiceError as error:
            if is_away(error):
                raise ServiceUnreachable(str(error)) from error
            # It will be refused again: keep what there is rather than no outcome at all.
            log.warning("task %s: its value could not be stored: %s", outcome.id, error)
            shown = msgspec.Raw(msgspec.json.encode({"repr": value.text}))
            note = f"the value could not be stored: {error}"
            reference = ValueInfo(
                kind=ValueKind.REPR, type=value.type, text=value.text, data=shown, note=note
            )
        else:
            reference = msgspec.structs.replace(value, data=msgspec.UNSET, ref=digest, size=size)
        shorter = msgspec.structs.replace(outcome, value=reference)
        self._claims.set_outcome(claim, shorter)
        claim.keep_file(None)
        return shorter


def _digest(data: bytes | BinaryIO) -> tuple[str, int]:
    """SHA-256 of data, or of all that is in a file, and how many bytes there are."""
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest(), len(data)
    data.seek(0)
    digest, size = hashlib.sha256(), 0
    while chunk := data.read(_CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def _due_again(claim: Claim) -> float:
    """When an outcome that was published is published again if it is not settled."""
    wait_s: float = min(REPUBLISH_S * 2 ** min(claim.published - 1, 10), REPUBLISH_MOST_S)
    return (claim.published_at or 0.0) + wait_s
