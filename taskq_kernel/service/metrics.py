"""Figures for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from taskq_kernel.store.statistics import Statistics


class Metrics:
    """The service's counters and gauges, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "taskq_graphql_requests", "GraphQL operations by kind and result.", ["kind", "result"],
            registry=self.registry,
        )
        self.duration = Histogram(
            "taskq_graphql_seconds", "How long GraphQL queries and mutations took.", ["kind"],
            registry=self.registry,
        )
        self.outcomes = Counter(
            "taskq_outcomes", "Outcomes by verdict.", ["verdict"], registry=self.registry
        )
        self.submitted = Counter("taskq_tasks_submitted", "Tasks submitted.", registry=self.registry)
        self._tasks = Gauge("taskq_tasks", "Tasks by status.", ["status"], registry=self.registry)
        self._gauges = {
            name: Gauge(f"taskq_{name}", text, registry=self.registry)
            for name, text in {
                "outbox_length": "Tasks not yet handed to the broker.",
                "broker_connected": "1 while the broker answers.",
                "broker_blocked": "1 while the broker takes no messages, for want of disk or memory.",
                "unserved_queues": "Queues in which tasks wait, and that no worker serves.",
                "workers_online": "Workers that hold a lease.",
                "slots": "Slots of these workers.",
                "slots_busy": "Slots in use.",
                "subscribers": "Subscriptions to the live feed.",
                "version": "Version of the last change.",
                "dead_letters": "Messages that nobody could use; NaN while the broker does not say.",
            }.items()
        }

    def render(
        self, statistics: Statistics, *, broker_connected: bool, broker_blocked: bool, unserved_queues: int,
        subscribers: int, dead_letters: float,
    ) -> bytes:
        """The text that Prometheus reads."""
        for status, count in statistics.counts.items():
            self._tasks.labels(status).set(count)
        values = {
            "outbox_length": statistics.outbox_length, "broker_connected": broker_connected,
            "workers_online": statistics.workers_online, "slots": statistics.slots,
            "slots_busy": statistics.busy, "subscribers": subscribers, "version": statistics.version,
            "dead_letters": dead_letters, "broker_blocked": broker_blocked, "unserved_queues": unserved_queues,
        }
        for name, value in values.items():
            self._gauges[name].set(value)
        return generate_latest(self.registry)
