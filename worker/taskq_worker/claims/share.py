"""Some of what a worker has, and what a task takes of it."""

from __future__ import annotations

from dataclasses import dataclass

from taskq_kernel.messages import TaskMessage

#: As much as nobody has: where something is not counted.
UNCOUNTED = 1 << 60


@dataclass(frozen=True, slots=True)
class Share:
    """Cores, a number of devices, and bytes of memory."""

    cores: int = 0
    gpus: int = 0
    memory: int = 0

    @property
    def parts(self) -> tuple[int, int, int]:
        """All of it, to be gone through."""
        return self.cores, self.gpus, self.memory

    def __add__(self, other: Share) -> Share:
        return Share(self.cores + other.cores, self.gpus + other.gpus, self.memory + other.memory)

    def __sub__(self, other: Share) -> Share:
        return Share(self.cores - other.cores, self.gpus - other.gpus, self.memory - other.memory)

    def holds(self, other: Share) -> bool:
        """Whether there is as much as that of each."""
        return self.cores >= other.cores and self.gpus >= other.gpus and self.memory >= other.memory

    def spares(self, other: Share, blocked: Share) -> bool:
        """Whether that can be taken and nothing is that a blocked one waits for.

        Of what there is enough of for the blocked one, enough has to be left; of what there is not,
        nothing may be taken.
        """
        return self.holds(other) and all(
            taken == 0 if there < wanted else there - taken >= wanted
            for there, taken, wanted in zip(self.parts, other.parts, blocked.parts, strict=True)
        )


def share_of(task: TaskMessage) -> Share:
    """What a task takes while it runs."""
    return Share(task.threads or 1, task.gpus or 0, task.memory_limit_bytes or 0)
