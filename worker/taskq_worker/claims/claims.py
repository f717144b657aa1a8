"""The tasks that a worker holds, from the claim until the service has their outcome."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import msgspec

from taskq_kernel.messages import LogChunk, OutcomeMessage, TaskMessage

#: Longest text of one log chunk; a longer piece of output becomes several.
CHUNK_CHARACTERS = 32 * 1024
#: Above this, in bytes, nothing new is claimed; and with so much in outcomes, nothing is started.
MOST_BYTES = 256 << 20
#: What a heartbeat carries at most of one task's output; the rest follows with the next.
CHUNKS_PER_HEARTBEAT = 16


class ClaimState(Enum):
    """Where a held task stands within the worker."""

    READY = auto()
    RUNNING = auto()
    DONE = auto()


@dataclass(eq=False)
class Claim:
    """A task that this worker has claimed."""

    task: TaskMessage
    attempt: int
    #: Lengths of the task's message, and of what its outcome adds to it.
    message_bytes: int = 0
    outcome_bytes: int = 0
    #: Why it cannot be run, where its message could not be read.
    refused: str | None = None
    state: ClaimState = ClaimState.READY
    claimed_at: float = field(default_factory=time.monotonic)
    progress: tuple[float, str] | None = None
    outcome: OutcomeMessage | None = None
    #: When the outcome was last confirmed by the broker, on the monotonic clock.
    published_at: float | None = None
    #: How often it was.
    published: int = 0
    #: Output that the service has not got yet.
    logs: list[LogChunk] = field(default_factory=list)
    _next_seq: int = 1
    _sent_seq: int = 0
    _reported_progress: tuple[float, str] | None = None

    def set_progress(self, fraction: float, message: str) -> None:
        """Keep how far the task says it is, for the next heartbeat."""
        self.progress = (fraction, message)

    def add_output(self, stream: str, text: str) -> None:
        """Keep what the task printed until the next heartbeat or its outcome takes it."""
        # A chunk that is on its way must not grow: the service knows it by its number.
        if self.logs and self.logs[-1].seq > self._sent_seq and self.logs[-1].stream == stream:
            last = self.logs[-1]
            if len(last.text) + len(text) <= CHUNK_CHARACTERS:
                self.logs[-1] = msgspec.structs.replace(last, text=last.text + text)
                return
        for start in range(0, len(text), CHUNK_CHARACTERS):
            piece = text[start : start + CHUNK_CHARACTERS]
            self.logs.append(LogChunk(seq=self._next_seq, stream=stream, text=piece))
            self._next_seq += 1

    def report(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """This task's entry in a heartbeat: what is held, and the output to bring along."""
        entry: dict[str, Any] = {"id": self.task.id, "attempt": self.attempt}
        if self.state is ClaimState.DONE:
            return entry | {"done": True}, []
        if self.progress is not None and self.progress != self._reported_progress:
            entry["progress"], entry["progressMessage"] = self.progress
        logs: list[dict[str, Any]] = [
            {"id": self.task.id, "attempt": self.attempt, "seq": chunk.seq, "stream": chunk.stream,
             "text": chunk.text}
            for chunk in self.logs[:CHUNKS_PER_HEARTBEAT]
        ]  # fmt: skip
        if logs:
            self._sent_seq = logs[-1]["seq"]
        return entry, logs

    def reported(self, entry: dict[str, Any], logs: list[dict[str, Any]]) -> None:
        """The service has got this entry and this output."""
        if "progress" in entry:
            self._reported_progress = (entry["progress"], entry["progressMessage"])
        sent = {chunk["seq"] for chunk in logs}
        self.logs = [chunk for chunk in self.logs if chunk.seq not in sent]


class Claims:
    """Every task that the worker holds, and the queue of those that wait for a slot."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}
        self.ready: deque[Claim] = deque()
        self._message_bytes = 0
        self._outcome_bytes = 0

    @property
    def full(self) -> bool:
        """Whether what is held is too large for anything to be claimed."""
        return self._message_bytes + self._outcome_bytes >= MOST_BYTES

    @property
    def outcomes_full(self) -> bool:
        """Whether the outcomes held are too large for a task to be started."""
        return self._outcome_bytes >= MOST_BYTES

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._claims

    def __iter__(self) -> Iterator[Claim]:
        return iter(list(self._claims.values()))

    def __len__(self) -> int:
        return len(self._claims)

    def get(self, task_id: str) -> Claim | None:
        """The task with this id, if it is claim."""
        return self._claims.get(task_id)

    def holds(self, claim: Claim) -> bool:
        """Whether this very attempt is still claim."""
        return self._claims.get(claim.task.id) is claim

    def add(self, claim: Claim) -> None:
        """A claim was granted."""
        self._claims[claim.task.id] = claim
        self._message_bytes += claim.message_bytes
        self.ready.append(claim)

    def set_outcome(self, claim: Claim, outcome: OutcomeMessage) -> None:
        """A task is done, or its outcome has become a shorter one."""
        size = _added_bytes(outcome)
        if self.holds(claim):
            self._outcome_bytes += size - claim.outcome_bytes
        claim.outcome, claim.outcome_bytes, claim.state = outcome, size, ClaimState.DONE

    def forget(self, claim: Claim) -> None:
        """This attempt is no longer this worker's."""
        if self.holds(claim):
            del self._claims[claim.task.id]
            self._message_bytes -= claim.message_bytes
            self._outcome_bytes -= claim.outcome_bytes
        if claim in self.ready:
            self.ready.remove(claim)

    def count(self, state: ClaimState) -> int:
        """How many held tasks are in this state."""
        return sum(claim.state is state for claim in self._claims.values())


def _added_bytes(outcome: OutcomeMessage) -> int:
    """About how much an outcome adds to the task's own message."""
    value, error = outcome.value, outcome.error
    size = sum(len(chunk.text) for chunk in outcome.logs)
    if value is not None and value.data is not msgspec.UNSET:
        size += len(bytes(value.data))
    if error is not None:
        size += len(error.message) + len(error.stacktrace)
    return size
