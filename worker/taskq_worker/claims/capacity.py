"""What a worker's tasks share: cores, devices and memory. Nothing of it is taken twice, and large tasks get their turn.

A task of four threads takes four cores, one without a word one; one with a memory limit takes that much memory, one
without nothing. While the task that is next does not
fit, others may pass it only where they leave it what is there for it already: so what it needs gathers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from taskq_kernel.julia_manifest import JuliaVersion, fits
from taskq_kernel.messages import TaskMessage
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.share import UNCOUNTED, Share, share_of

#: What hides all devices from a process: no device has this number, for NVIDIA's and AMD's libraries alike.
NO_DEVICE = "-1"

class Capacity:
    """The cores, devices and memory of a worker, who has them, and which versions of Julia it has.

    Parameters
    ----------
    cores : int
        How many cores its tasks share.
    devices : sequence of str
        Its devices, as the vendor's variable names them.
    variable : str
        That variable.
    memory : int, optional
        How much its tasks share, in bytes. Default: it is not counted.
    julias : sequence of JuliaVersion
        The Julias that projects can have; none: nobody asks.
    """

    def __init__(
        self, cores: int, devices: Sequence[str] = (), variable: str = "CUDA_VISIBLE_DEVICES",
        memory: int | None = None, julias: Sequence[JuliaVersion] = (),
    ) -> None:
        self.total = Share(cores, len(devices), UNCOUNTED if memory is None else memory)
        self.julias = tuple(julias)
        #: What no task has.
        self.free = self.total
        self._devices = tuple(devices)
        self._variable = variable
        self._taken: dict[Claim, Share] = {}
        self._granted: dict[Claim, tuple[str, ...]] = {}

    def can_ever(self, task: TaskMessage) -> bool:
        """Whether the task could run here, were nothing else running."""
        has_julia = not self.julias or any(fits(one, task.julia) for one in self.julias)
        return has_julia and self.total.holds(share_of(task))

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
        super().__init__(UNCOUNTED)
        self.total = self.free = Share(UNCOUNTED, UNCOUNTED, UNCOUNTED)


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

    def fits(self, task: TaskMessage) -> bool:
        """Whether there is enough for this one; a task of one core may wait for it."""
        return _waits_or_fits(share_of(task), self._free)

    def takes(self, task: TaskMessage, count: int = 1) -> bool:
        """Whether the next of them is taken; ``count`` is how many come along with it, itself included.

        They are taken together, whatever room there is: they are short, and take a core each.
        """
        share = share_of(task)
        if self.blocked is not None:
            taken = self._free.spares(share, share_of(self.blocked))
        else:
            taken = _waits_or_fits(share, self._free)
        if taken:
            self._free -= share + Share(cores=count - 1)
            self._room -= share.cores + count - 1
        elif self.blocked is None:
            self.blocked = task
        return taken


_ONE_CORE = Share(cores=1)


def _waits_or_fits(share: Share, free: Share) -> bool:
    return share == _ONE_CORE or free.holds(share)
