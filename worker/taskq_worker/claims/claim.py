"""A claimed task: what runs, what it has said so far, and how it ended."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, BinaryIO

import msgspec

from taskq_kernel import displays
from taskq_kernel.messages import LogChunk, OutcomeMessage, TaskMessage
from taskq_worker.claims.share import Share, share_of

#: Longest text of one log chunk; a longer piece of output becomes several.
CHUNK_CHARACTERS = 32 * 1024
#: What a heartbeat carries at most of one task's output; the rest follows with the next.
CHUNKS_PER_HEARTBEAT = 16


class ClaimState(Enum):
    """Where a claimed task stands within the worker."""

    READY = auto()
    #: Behind the task that a slot runs: Julia may go on with it by itself.
    AHEAD = auto()
    RUNNING = auto()
    DONE = auto()


class Lane:
    """Claimed tasks that wait for the same slots, and how many tasks of each state there are."""

    def __init__(self) -> None:
        self.ready: deque[Claim] = deque()
        self.states: Counter[ClaimState] = Counter()
        #: What those that wait take, together.
        self.share = Share()
        #: Set whenever a slot may have something to start that it had not before.
        self.startable = asyncio.Event()

    def add(self, claim: Claim) -> None:
        """One waits from now on."""
        self.ready.append(claim)
        self.share += share_of(claim.task)
        self.startable.set()

    def put_back(self, claims: list[Claim]) -> None:
        """These wait again, before all others."""
        self.ready.extendleft(reversed(claims))
        self.share = sum((share_of(claim.task) for claim in claims), self.share)
        self.startable.set()

    def remove(self, claim: Claim) -> None:
        """One waits no longer."""
        self.ready.remove(claim)
        self.share -= share_of(claim.task)


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
    #: Whether the service gave it to this worker, which had not asked for it.
    given: bool = False
    state: ClaimState = ClaimState.READY
    #: Whether the slot that took it up has to start another process for it.
    cold: bool = False
    #: Among which tasks it waits and is counted, from when it was added to the worker's claims.
    lane: Lane | None = None
    claimed_at: float = field(default_factory=time.monotonic)
    #: When a slot took it up, in seconds since 1970.
    taken_at: float | None = None
    progress: tuple[float, str] | None = None
    outcome: OutcomeMessage | None = None
    #: What its value is in, until it is uploaded, where it is too large for a frame.
    value_file: BinaryIO | None = None
    #: When the broker last confirmed the outcome, on the monotonic clock; None while it is to be published.
    published_at: float | None = None
    #: How often it was confirmed, as far as the broker can still have it.
    published: int = 0
    #: Output that the service has not got yet.
    logs: list[LogChunk] = field(default_factory=list)
    _next_seq: int = 1
    _sent_seq: int = 0
    _reported_progress: tuple[float, str] | None = None
    #: What it has reported as series since the service got some, as JSON.
    _series: msgspec.Raw | None = None

    def wait_in(self, lane: Lane) -> None:
        """It waits for a slot among these."""
        self.lane = lane

    def start(self, *, cold: bool = False) -> None:
        """A slot takes it up, whose process is another one if it is cold."""
        self.state, self.cold, self.taken_at = ClaimState.RUNNING, cold, time.time()

    def send_ahead(self) -> None:
        """It follows the task that a slot runs."""
        self.state = ClaimState.AHEAD

    def wait(self) -> None:
        """It waits for any slot again."""
        self.state = ClaimState.READY

    def set_progress(self, fraction: float, message: str) -> None:
        """Keep how far the task says it is, for the next heartbeat."""
        self.progress = (fraction, message)

    def begin_code(self) -> None:
        """What was said until now was not the task's own word."""
        if self.progress is not None:
            self.progress = (0.0, "")

    def set_series(self, series: msgspec.Raw) -> None:
        """Keep what the task has reported as series, for the next heartbeat; all that came before is in it."""
        self._series = series

    def add_output(self, stream: str, text: str) -> None:
        """Keep what the task printed until the next heartbeat or its outcome takes it."""
        # A chunk that is on its way must not grow: the service knows it by its number.
        grows = stream != displays.STREAM and self.logs and self.logs[-1].stream == stream
        if grows and self.logs[-1].seq > self._sent_seq:
            last = self.logs[-1]
            if len(last.text) + len(text) <= CHUNK_CHARACTERS:
                self.logs[-1] = msgspec.structs.replace(last, text=last.text + text)
                return
        # Half of what is displayed is nothing.
        longest = len(text) if stream == displays.STREAM else CHUNK_CHARACTERS
        for start in range(0, len(text), longest or 1):
            piece = text[start : start + longest]
            self.logs.append(LogChunk(seq=self._next_seq, stream=stream, text=piece))
            self._next_seq += 1

    def take_output(self) -> list[LogChunk]:
        """The output that the service has not got, for the outcome to bring along."""
        logs, self.logs = self.logs, []
        return logs

    def set_outcome(self, outcome: OutcomeMessage) -> None:
        """It is done, or its outcome has become a shorter one."""
        self.outcome, self.outcome_bytes, self.state = outcome, _added_bytes(outcome), ClaimState.DONE

    def keep_file(self, file: BinaryIO | None) -> None:
        """Keep what the value is in until it is uploaded; None: it is."""
        if self.value_file is not None:
            self.value_file.close()
        self.value_file = file

    def was_published(self, now: float) -> None:
        """The broker has confirmed the outcome, at this time on the monotonic clock."""
        self.published_at = now
        self.published += 1

    def publish_again(self) -> None:
        """The outcome is on its way once more."""
        self.published_at = None

    def broker_was_lost(self) -> None:
        """The broker may have lost the outcome with its data: it counts as published once at most."""
        self.published = min(self.published, 1)

    def report(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """This task's entry in a heartbeat: what is held, and the output to bring along."""
        entry: dict[str, Any] = {"id": self.task.id, "attempt": self.attempt}
        if self.state is ClaimState.DONE:
            return entry | {"done": True}, []
        if self.progress is not None and self.progress != self._reported_progress:
            entry["progress"], entry["progressMessage"] = self.progress
        if self._series is not None:
            entry["series"] = self._series
        logs: list[dict[str, Any]] = [
            {"id": self.task.id, "attempt": self.attempt, "seq": chunk.seq, "stream": chunk.stream,
             "text": chunk.text}
            for chunk in self._soon()
        ]  # fmt: skip
        if logs:
            self._sent_seq = logs[-1]["seq"]
        return entry, logs

    def _soon(self) -> list[LogChunk]:
        """The output that the next heartbeat carries: the first chunks, together no longer than so many texts."""
        room, found = CHUNKS_PER_HEARTBEAT * CHUNK_CHARACTERS, list[LogChunk]()
        for chunk in self.logs[:CHUNKS_PER_HEARTBEAT]:
            room -= len(chunk.text)
            if found and room < 0:
                break
            found.append(chunk)
        return found

    def reported(self, entry: dict[str, Any], logs: list[dict[str, Any]]) -> None:
        """The service has got this entry and this output."""
        if "progress" in entry:
            self._reported_progress = (entry["progress"], entry["progressMessage"])
        if entry.get("series") is self._series:
            self._series = None
        sent = {chunk["seq"] for chunk in logs}
        self.logs = [chunk for chunk in self.logs if chunk.seq not in sent]


def _added_bytes(outcome: OutcomeMessage) -> int:
    """About how much an outcome adds to the task's own message."""
    value, error = outcome.value, outcome.error
    size = sum(len(chunk.text) for chunk in outcome.logs)
    if value is not None and value.data is not msgspec.UNSET:
        size += len(bytes(value.data))
    if not isinstance(outcome.series, msgspec.UnsetType):
        size += len(bytes(outcome.series))
    size += sum(len(file.name) + len(file.ref) for file in outcome.files)
    size += len(outcome.provenance.manifest or "")
    if error is not None:
        size += len(error.message) + len(error.stacktrace)
    return size
