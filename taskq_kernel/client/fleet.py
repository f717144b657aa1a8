"""The fleet and its figures, as Python sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from taskq_kernel.domain import TaskStatus


@dataclass(frozen=True)
class WorkerInfo:
    """A worker, as the service sees it."""

    id: str
    name: str
    host: str
    pid: int
    runner: str
    julia_version: str
    queues: list[str]
    slots: int
    busy: int
    state: str
    joined_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True)
class Statistics:
    """Where everything stands.

    Attributes
    ----------
    counts : dict
        Tasks of each status.
    slots, busy : int
        Slots of the workers that are there, and how many of them work.
    last_hour : list of (datetime, int, int)
        For each of the last 60 minutes: when it began, tasks FINISHED and FAILED in it.
    outbox_length : int
        Tasks not yet handed to RabbitMQ.
    broker_blocked : str or None
        Why RabbitMQ takes no messages, and what to do.
    unserved_queues : list of str
        Queues in which tasks wait, and that no worker serves.
    """

    counts: dict[TaskStatus, int]
    total: int
    slots: int
    busy: int
    workers_online: int
    finished_per_minute: float
    last_hour: list[tuple[datetime, int, int]] = field(repr=False)
    broker_connected: bool
    outbox_length: int
    broker_blocked: str | None = None
    unserved_queues: list[str] = field(default_factory=list)


def worker_info(data: Mapping[str, Any]) -> WorkerInfo:
    """A worker from the service's answer."""
    return WorkerInfo(
        id=data["id"],
        name=data["name"],
        host=data["host"],
        pid=data["pid"],
        runner=data["runner"],
        julia_version=data["juliaVersion"],
        queues=data["queues"],
        slots=data["slots"],
        busy=data["busy"],
        state=data["state"],
        joined_at=datetime.fromisoformat(data["joinedAt"]),
        last_seen_at=datetime.fromisoformat(data["lastSeenAt"]),
    )


def statistics_of(data: Mapping[str, Any]) -> Statistics:
    """The figures from the service's answer."""
    return Statistics(
        counts={TaskStatus(one["status"]): one["count"] for one in data["counts"]},
        total=data["total"],
        slots=data["slots"],
        busy=data["busy"],
        workers_online=data["workersOnline"],
        finished_per_minute=data["finishedPerMinute"],
        last_hour=[(datetime.fromisoformat(one["at"]), one["finished"], one["failed"]) for one in data["lastHour"]],
        broker_connected=data["brokerConnected"],
        outbox_length=data["outboxLength"],
        broker_blocked=data["brokerBlocked"],
        unserved_queues=data["unservedQueues"],
    )
