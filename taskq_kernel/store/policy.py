"""The rules that the store follows, as one value that is passed down."""

from __future__ import annotations

from dataclasses import dataclass, replace

from taskq_kernel.settings import Settings

#: So many workers report at the pace of the settings; twice as many at half of it.
WORKERS_AT_FULL_PACE = 250
#: The longest pause that a large fleet makes between two heartbeats, in seconds, where the settings ask for a shorter
#: one: what is cancelled has to stop within five.
LONGEST_HEARTBEAT_S = 4.0


@dataclass(frozen=True, slots=True)
class Policy:
    """Durations in seconds, sizes in bytes."""

    #: How often a worker reports.
    heartbeat_s: float = 1.0
    #: How long a worker may be silent before it counts as lost.
    lease_s: float = 3.0
    #: How often a task may be lost, with its worker or with its Julia process.
    max_lost: int = 3
    #: What is kept of the output of one attempt.
    max_log_bytes: int = 1 << 20
    #: The largest value, as JSON.
    max_value_bytes: int = 64 << 20
    max_array_bytes: int = 1 << 30
    #: What one task is given in files, and what is kept of its own.
    max_files_bytes: int = 4 << 30

    @property
    def return_s(self) -> float:
        """How long a worker may need to find a service that came back, on top of a lease: two heartbeats."""
        return 2 * self.heartbeat_s

    def for_fleet(self, workers: int) -> Policy:
        """The same rules with the pace that so many workers report at: heartbeats cost the service time."""
        longest = max(1.0, LONGEST_HEARTBEAT_S / self.heartbeat_s)
        slower = min(max(1.0, workers / WORKERS_AT_FULL_PACE), longest)
        if slower == 1.0:
            return self
        return replace(self, heartbeat_s=slower * self.heartbeat_s, lease_s=slower * self.lease_s)

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """The rules that the settings ask for."""
        return cls(
            heartbeat_s=settings.heartbeat,
            lease_s=settings.lease,
            max_lost=settings.max_lost,
            max_log_bytes=settings.max_log_bytes,
            max_value_bytes=settings.max_value_bytes,
            max_array_bytes=settings.max_array_bytes,
            max_files_bytes=settings.max_files_bytes,
        )


#: The longest that a task waits on purpose before it is handed to the broker.
LONGEST_DELAY_S = 60.0


def retry_delay_s(failures: int) -> float:
    """How long a task waits after its ``failures``-th failure: 1 s, doubling up to 60 s."""
    return float(min(LONGEST_DELAY_S, 2 ** min(failures - 1, 6)))
