"""What a claimed task has at hand when it starts, however long that takes: its code, its project, its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from taskq_worker.claims.claim import Claim
from taskq_worker.claims.claims import Claims
from taskq_worker.claims.passed import Passed, PassedFiles
from taskq_worker.claims.patience import NotWanted
from taskq_worker.claims.sources import Sources
from taskq_worker.julia.prepared_project import PreparedProject
from taskq_worker.projects.projects import ProjectLease, Projects
from taskq_worker.slots.slot import Slot

T = TypeVar("T")


@dataclass(frozen=True)
class Provided:
    """What one attempt has at hand; its files are to be removed after it."""

    code: str
    project: PreparedProject | None
    files: PassedFiles


class Provisions:
    """Provides the tasks of one slot, one after another.

    Parameters
    ----------
    slot : Slot
        Where they run.
    claims, sources, passed, projects
        The worker's own.
    on_news : callable
        Called when there is something to tell of a task that waits for its project.
    """

    def __init__(
        self, slot: Slot, claims: Claims, sources: Sources, passed: Passed, projects: Projects,
        on_news: Callable[[], None],
    ) -> None:
        self._slot = slot
        self._claims = claims
        self._sources = sources
        self._passed = passed
        self._projects = projects
        self._on_news = on_news
        #: What the slot's process has at hand, and what a task waits for.
        self._leases: list[ProjectLease] = []

    async def provide(self, claim: Claim) -> Provided:
        """Get what a task needs.

        Raises
        ------
        NotWanted
            If the service has taken it away meanwhile.
        ProjectFailed
            If its project cannot be made ready.
        ValueMissing
            If something that it is given is no longer kept.
        ServiceError, OSError
            If something cannot be had otherwise.
        """
        def wanted() -> bool:
            return self._claims.holds(claim)

        code = claim.task.code
        if claim.task.source is not None:
            code = _had(await self._sources.code(claim.task.source, wanted))
        project = await self._project(claim, wanted)
        return Provided(code, project, _had(await self._passed.files(claim, wanted)))

    def give_back(self, *, all_of_them: bool = False) -> None:
        """Keep the project that the slot's next task finds at hand, and no other."""
        for lease in [lease for lease in self._leases if all_of_them or lease.project != self._slot.next_project]:
            lease.close()
            self._leases.remove(lease)

    async def _project(self, claim: Claim, wanted: Callable[[], bool]) -> PreparedProject | None:
        """The project that it has at hand, once that is ready."""
        asked = claim.task.project
        if asked is None:
            return None
        found = next((lease for lease in self._leases if lease.project.id == asked), None)
        if found is None:
            found = _had(await self._projects.lease(
                asked, self._slot.sandbox, lambda text: self._say(claim, text), wanted, claim.task.julia
            ))
            self._leases.append(found)
            claim.begin_code()
        return found.project

    def _say(self, claim: Claim, text: str) -> None:
        """Tell what goes on before the task's code begins."""
        if claim.progress != (0.0, text):
            claim.set_progress(0.0, text)
            self._on_news()


def _had(found: T | None) -> T:
    """What was waited for, unless nobody waits for it any longer."""
    if found is None:
        raise NotWanted
    return found
