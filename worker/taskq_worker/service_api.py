"""What a worker asks of the service: one method a GraphQL mutation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from taskq_kernel.errors import ServiceError, ServiceUnreachable
from taskq_kernel.transport.graphql import GraphQLTransport
from taskq_worker.slots.frames import MAX_ARRAY_BYTES

#: Codes of a service that is there and cannot serve: its database is locked, or its disk full.
_NOT_NOW = frozenset({"UNAVAILABLE", "INTERNAL"})

#: What a worker says of itself that a service of an earlier release does not take.
_LATER = frozenset({"grants"})

REGISTER = """mutation Register($input: WorkerInput!) {
  registerWorker(input: $input) {
    id heartbeatSeconds leaseSeconds maxLogBytes maxValueBytes maxArrayBytes maxFilesBytes
  }
}"""
_CLAIM = """mutation Claim($worker: ID!, $ids: [ID!]!) {
  claimTasks(worker: $worker, ids: $ids) { id attempt }
}"""
HEARTBEAT = """mutation Heartbeat($worker: ID!, $held: [HeldTask!]!, $logs: [LogInput!]!) {
  heartbeat(worker: $worker, held: $held, logs: $logs) { stop settled drain heartbeatSeconds }
}"""
_RELEASE = """mutation Release($worker: ID!, $tasks: [TaskAttempt!]!) {
  releaseTasks(worker: $worker, tasks: $tasks)
}"""
_DECLINE = """mutation Decline($worker: ID!, $ids: [ID!]!) {
  declineTasks(worker: $worker, ids: $ids)
}"""
_HELD = """query Held($worker: ID!, $tasks: [TaskAttempt!]!) {
  heldTasks(worker: $worker, tasks: $tasks) { id attempt }
}"""
_SOURCE = "query Source($sha256: ID!) { source(sha256: $sha256) }"
_MISSING = "query Missing($sha256: [ID!]!) { missingFiles(sha256: $sha256) }"
_LEAVE = "mutation Leave($worker: ID!) { leaveWorker(worker: $worker) }"


@dataclass(frozen=True)
class Lease:
    """What the service grants a worker that registers; durations in seconds."""

    heartbeat_s: float
    lease_s: float
    max_log_bytes: int
    max_value_bytes: int
    max_array_bytes: int = MAX_ARRAY_BYTES
    max_files_bytes: int = 4 << 30


@dataclass(frozen=True)
class HeartbeatReply:
    """The service's answer to a heartbeat: task ids, whether to drain, and when to report next, in seconds."""

    stop: list[str]
    settled: list[str]
    drain: bool
    heartbeat_s: float


class ServiceApi:
    """The service, for the worker with this id.

    Every method raises `ServiceUnreachable` while the service is away, and another
    `ServiceError` when it refuses.
    """

    def __init__(self, transport: GraphQLTransport, worker_id: str) -> None:
        self._transport = transport
        self._worker = worker_id

    @property
    def worker(self) -> str:
        """The worker's id."""
        return self._worker

    async def register(self, description: dict[str, Any]) -> Lease:
        """Join the fleet, or join again after a lease ran out; with an older service as what that knows of workers."""
        try:
            reply = await self._register(description)
        except ServiceError as error:
            older = {name: value for name, value in description.items() if name not in _LATER}
            if error.code != "BAD_INPUT" or older == description:
                raise
            reply = await self._register(older)
        return Lease(
            heartbeat_s=reply["heartbeatSeconds"],
            lease_s=reply["leaseSeconds"],
            max_log_bytes=reply["maxLogBytes"],
            max_value_bytes=int(reply["maxValueBytes"]),
            max_array_bytes=int(reply["maxArrayBytes"]),
            max_files_bytes=int(reply["maxFilesBytes"]),
        )

    async def _register(self, description: dict[str, Any]) -> dict[str, Any]:
        reply: dict[str, dict[str, Any]] = await self._ask(REGISTER, {"input": {"id": self._worker, **description}})
        return reply["registerWorker"]

    async def claim(self, ids: Sequence[str]) -> dict[str, int]:
        """Claim tasks; the granted ones, with their attempts."""
        reply = await self._ask(_CLAIM, {"worker": self._worker, "ids": list(ids)})
        return {claim["id"]: claim["attempt"] for claim in reply["claimTasks"]}

    async def still_held(self, tasks: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """Those of some attempts, (id, attempt), that this worker holds as the service knows it."""
        given = [{"id": task_id, "attempt": attempt} for task_id, attempt in tasks]
        reply = await self._ask(_HELD, {"worker": self._worker, "tasks": given})
        return [(one["id"], one["attempt"]) for one in reply["heldTasks"]]

    async def heartbeat(self, held: list[dict[str, Any]], logs: list[dict[str, Any]]) -> HeartbeatReply:
        """Renew the lease of everything held, bring progress and logs, hear what to stop."""
        reply = await self._ask(HEARTBEAT, {"worker": self._worker, "held": held, "logs": logs})
        said = reply["heartbeat"]
        return HeartbeatReply(said["stop"], said["settled"], said["drain"], said["heartbeatSeconds"])

    async def release(self, tasks: Sequence[tuple[str, int]]) -> None:
        """Give back tasks that were claimed and never started."""
        given = [{"id": task_id, "attempt": attempt} for task_id, attempt in tasks]
        await self._ask(_RELEASE, {"worker": self._worker, "tasks": given})

    async def decline(self, ids: Sequence[str]) -> None:
        """Say of tasks that are not claimed that this worker can never run them."""
        await self._ask(_DECLINE, {"worker": self._worker, "ids": list(ids)})

    async def source(self, sha256: str) -> str:
        """Code by its SHA-256."""
        return str((await self._ask(_SOURCE, {"sha256": sha256}))["source"])

    async def leave(self) -> None:
        """Leave the fleet; whatever is still held goes back to its queue."""
        await self._ask(_LEAVE, {"worker": self._worker})

    async def upload(self, sha256: str, data: bytes | BinaryIO) -> None:
        """Store a value that is too large for a message."""
        await asyncio.to_thread(self._transport.put_blob, sha256, data)

    async def missing(self, refs: Sequence[str]) -> list[str]:
        """Those of some values that the service does not have; the others it keeps for a while."""
        return list((await self._ask(_MISSING, {"sha256": list(refs)}))["missingFiles"])

    async def fetch(self, ref: str, file: BinaryIO, limit_bytes: int) -> int:
        """Write a value that the service keeps into a file; how many bytes it has."""
        return await asyncio.to_thread(self._transport.save_blob, ref, file, limit_bytes)

    async def _ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(self._transport.execute, query, variables)


def is_away(error: ServiceUnreachable | ServiceError) -> bool:
    """Whether to ask again rather than give up."""
    return isinstance(error, ServiceUnreachable) or error.code in _NOT_NOW
