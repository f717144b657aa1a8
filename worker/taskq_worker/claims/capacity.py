"""What a worker's tasks share: cores and devices. Nothing of it is taken twice, and large tasks get their turn.

A task of four threads takes four cores, one without a word one. While the task that is next does not
fit, others may pass it only where they leave it what is there for it already: so what it needs gathers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from taskq_kernel.messages import TaskMessage
from taskq_worker.claims.claim import Claim

#: What hides all devices from a process: no device has this number, for NVIDIA's and AMD's libraries alike.
NO_DEVICE = "-1"
#: As much as nobody has: where nothing is counted.
_MOST = 1 << 30


@dataclass(frozen=True, slots=True)
class Share:
    """Some of what a worker has: cores, and a number of devices."""

    cores: int = 0
    gpus: int = 0

    def __add__(self, other: Share) -> Share:
        return Share(self.cores + other.cores, self.gpus + other.gpus)

    def __sub__(self, other: Share) -> Share:
        return Share(self.cores - other.cores, self.gpus - other.gpus)

    def holds(self, other: Share) -> bool:
        """Whether there is as much as that of each."""
        return self.cores >= other.cores and self.gpus >= other.gpus

    def spares(self, other: Share, blocked: Share) -> bool:
        """Whether that can be taken and nothing is that a blocked one waits for.

        Of what there is enough of for the blocked one, enough has to be left; of what there is not,
        nothing may be taken.
        """
        left = self - other
        cores = other.cores == 0 if self.cores < blocked.cores else left.cores >= blocked.cores
        gpus = other.gpus == 0 if self.gpus < blocked.gpus else left.gpus >= blocked.gpus
        return self.holds(other) and cores and gpus


def share_of(task: TaskMessage) -> Share:
    """What a task takes while it runs."""
    return Share(task.threads or 1, task.gpus or 0)


class Capacity:
    """The cores and devices of a worker, and who has them.

    Parameters
    ----------
    cores : int
        How many cores its tasks share.
    devices : sequence of str
        Its devices, as the vendor's variable names them.
    variable : str
        That variable.
    """

    def __init__(self, cores: int, devices: Sequence[str] = (), variable: str = "CUDA_VISIBLE_DEVICES") -> None:
        self.total = Share(cores, len(devices))
        #: What no task has.
        self.free = self.total
        self._devices = tuple(devices)
        self._variable = variable
        self._taken: dict[Claim, Share] = {}
        self._granted: dict[Claim, tuple[str, ...]] = {}

    def can_ever(self, task: TaskMessage) -> bool:
        """Whether the task could run here, were nothing else running."""
        return self.total.holds(share_of(task))

    def take(self, claim: Claim) -> None:
        """A slot takes the task up, which fits."""
        share = share_of(claim.task)
        if not self.free.holds(share):
            raise RuntimeError(f"task {claim.task.id} does not fit: it needs {share}, and {self.free} is free")
        self._taken[claim] = share
        self.free -= share

    def give_back(self, claim: Claim) -> None:
        """The task runs no longer."""
        self._granted.pop(claim, None)
        self.free += self._taken.pop(claim, Share())

    def grant(self, claim: Claim, prefer: Collection[str] = ()) -> tuple[str, ...]:
        """The devices that a task, which was taken up, has to itself; those that are preferred first."""
        granted = self._granted[claim] = self._choice(claim.task, prefer)
        return granted

    @property
    def variables(self) -> Mapping[str, str]:
        """What hides the devices from whoever asks for none."""
        return {self._variable: NO_DEVICE} if self._devices else {}

    def variables_for(self, claim: Claim, prefer: Collection[str] = ()) -> Mapping[str, str]:
        """The variable that shows a task its devices, or those that it would be granted now; none where it has none."""
        if not claim.task.gpus:
            return {}
        granted = self._granted.get(claim)
        shown = self._choice(claim.task, prefer) if granted is None else granted
        return {self._variable: ",".join(shown)}

    def _choice(self, task: TaskMessage, prefer: Collection[str]) -> tuple[str, ...]:
        had = {device for granted in self._granted.values() for device in granted}
        free = sorted((one for one in self._devices if one not in had), key=lambda one: one not in prefer)
        chosen = free[: task.gpus or 0]
        return tuple(one for one in self._devices if one in chosen)


class Unlimited(Capacity):
    """As much as is ever asked for."""

    def __init__(self) -> None:
        super().__init__(_MOST)
        self.total = self.free = Share(_MOST, _MOST)


class Fitting:
    """Chooses, one after another, what is taken of tasks that wait.

    Parameters
    ----------
    free : Share
        What there is for them.
    room : int
        How many of one core are taken at most; they may wait for a slot, where tasks are short.

    Attributes
    ----------
    blocked : TaskMessage or None
        The first that does not fit yet.
    """

    def __init__(self, free: Share, room: int) -> None:
        self._free = free
        self._room = room
        self.blocked: TaskMessage | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more can be taken."""
        # Every task takes a core: none may pass one that waits for cores.
        return self._room <= 0 or (self.blocked is not None and self._free.cores < share_of(self.blocked).cores)

    def takes(self, task: TaskMessage) -> bool:
        """Whether the next of them is taken."""
        share = share_of(task)
        if self.blocked is not None:
            fits = self._free.spares(share, share_of(self.blocked))
        else:
            fits = share == _ONE_CORE or self._free.holds(share)
        if fits:
            self._free -= share
            self._room -= share.cores
        elif self.blocked is None:
            self.blocked = task
        return fits


_ONE_CORE = Share(cores=1)
