"""One claimed task after another, in one slot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import msgspec

from taskq_kernel.domain import TaskKind
from taskq_kernel.messages import ErrorInfo, OutcomeMessage
from taskq_worker import task_errors
from taskq_worker.bundle import Bundle
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.claimer import Claimer
from taskq_worker.claims.claims import NEW_PROCESS, Claims
from taskq_worker.claims.outcomes import Outcomes
from taskq_worker.claims.passed import ValueMissing
from taskq_worker.claims.patience import NotWanted
from taskq_worker.julia.process_key import variables_of
from taskq_worker.kept import Keep
from taskq_worker.projects.errors import ProjectFailed
from taskq_worker.provisions import Provided, Provisions
from taskq_worker.sessions import Session, Sessions
from taskq_worker.slots.ahead import Listeners
from taskq_worker.slots.boundary import error_boundary
from taskq_worker.slots.job import Job, Report, sha256_of
from taskq_worker.slots.kept_files import LeftFolder
from taskq_worker.slots.report import with_files
from taskq_worker.slots.slot import Slot

#: How long to wait before Julia is started again that did not start, in seconds.
RESTART_S = 2.0


class SlotLoop:
    """Runs what is claimed in a slot, and hands on how it ended.

    Parameters
    ----------
    slot : Slot
        Where tasks run.
    claims, claimer, outcomes
        The worker's own.
    provisions : Provisions
        What its tasks need before they start.
    keep : callable
        Uploads what is kept of an attempt's folder.
    sessions : Sessions
        The worker's, for tasks that are one.
    make_outcome : callable
        Makes an outcome of a claim and its report.
    on_news : callable
        Called when a task has reported progress or printed something.
    on_end : callable
        Called when a task has ended.
    """

    def __init__(
        self,
        slot: Slot,
        claims: Claims,
        claimer: Claimer,
        outcomes: Outcomes,
        provisions: Provisions,
        keep: Keep,
        *,
        sessions: Sessions,
        make_outcome: Callable[[Claim, Report], OutcomeMessage],
        on_news: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        self.slot = slot
        self._claims = claims
        self._claimer = claimer
        self._outcomes = outcomes
        self._provisions = provisions
        self._keep = keep
        self._sessions = sessions
        self._make_outcome = make_outcome
        self._on_news = on_news
        self._on_end = on_end
        self._running: Claim | None = None
        self._bundle: Bundle | None = None
        #: The session that has the slot.
        self._session: Session | None = None
        #: The devices of the last task that had some: the slot's process may still be theirs.
        self._devices: tuple[str, ...] = ()
        #: The definitions that the slot's process has compiled, and which process that is.
        self._compiled: set[str] = set()
        self._compiled_by: int | None = None

    @property
    def busy(self) -> bool:
        """Whether a task runs."""
        return self._running is not None

    async def run(self) -> None:
        """Work for ever."""
        while True:
            await self._warm()
            await self._attempt(await self._claims.next_ready(self._cost))

    async def stop_attempt(self, claim: Claim, error: ErrorInfo) -> None:
        """End this attempt, if it is the one that runs here, or would follow that."""
        self.slot.look()
        if self._session is not None:
            self._session.stop(error) if self._running is claim else self._session.stop_cell(claim, error)
        elif self._running is claim:
            await self.slot.stop_task(error)
        elif self._bundle is not None and claim in self._bundle:
            self.take_back()  # where it has begun all the same, it is ended as soon as that is heard

    def take_back(self) -> None:
        """Have no other task follow the one that runs, but for what has begun already."""
        self.slot.take_back()

    def leave_session(self) -> None:
        """End the session that has the slot, once none of its cells runs."""
        if self._session is not None:
            self._session.leave(task_errors.session_left())

    async def _warm(self) -> None:
        """Wait for the slot's Julia if it is being replaced; nothing is claimed for it meanwhile."""
        if self.slot.pid is not None:
            return
        with self._claimer.without_slot():
            while self.slot.pid is None:
                failed: list[Exception] = []
                with error_boundary(self.slot.index, "starting Julia, which is tried again,", failed.append):
                    await self.slot.start()
                if failed:
                    await asyncio.sleep(RESTART_S)

    async def _attempt(self, claim: Claim) -> None:
        self._running = claim
        self._devices = self._claims.capacity.grant(claim, self._devices) or self._devices
        try:
            await self._run_to_its_end(claim, self._claimer)
        finally:
            last, self._running = self._running or claim, None
            self._provisions.give_back()
            self._claims.leave_slot(last)
            self._on_end()

    async def _run_to_its_end(self, claim: Claim, claimer: Claimer) -> None:
        bundle = Bundle(
            claim, self._claims, claimer,
            listeners_of=self._listeners, on_end=self._end_safely, on_next=self._goes_on_with,
        )  # fmt: skip
        with error_boundary(self.slot.index, f"task {claim.task.id}", lambda error: self._fail(bundle.running, error)):
            try:
                with claimer.occupied_by(claim):
                    report = await self._report(claim, bundle)
            except NotWanted:
                return
            finally:
                bundle.close()
            self._note_compiled(claim)  # what followed it is of the same definition
            self._end(bundle.running, report)

    def _end_safely(self, claim: Claim, report: Report) -> None:
        """One of several has ended; whatever goes wrong about it is no concern of the others."""
        with error_boundary(self.slot.index, f"task {claim.task.id}", lambda error: self._fail(claim, error)):
            self._end(claim, report)

    def _goes_on_with(self, claim: Claim) -> None:
        self._running = claim

    async def close(self) -> None:
        """End the slot's processes, with the task that runs."""
        await self.slot.close()
        self._provisions.give_back(all_of_them=True)

    async def _report(self, claim: Claim, bundle: Bundle) -> Report:
        """Run the task, once all that it needs is here, and what follows it; how the last one ended.

        Raises
        ------
        NotWanted
            If the service has taken it away before it began.
        """
        try:
            given = await self._provisions.provide(claim)
        except ProjectFailed as failed:
            return self.slot.unready_report(task_errors.project_failed(str(failed)))
        except ValueMissing as missing:
            return self.slot.refused_report(task_errors.value_missing(str(missing)))
        try:
            report = await self._run(claim, given, bundle)
        finally:
            await given.files.remove()
        return report if report.folder is None else await self._with_files(claim, report, report.folder)

    async def _run(self, claim: Claim, given: Provided, bundle: Bundle) -> Report:
        if not self._claims.holds(claim):
            raise NotWanted  # the word to stop found nothing that ran, and does not come again
        if claim.task.kind is TaskKind.SESSION:
            return await self._serve(claim, given)
        job = _job(claim, given, self._variables(claim))
        if self._session is not None:
            job = self._session.prepare(job, claim.task.name)
        supply = bundle if self._session is None and bundle.can_grow else None
        self._bundle = supply
        try:
            report = await self.slot.run(job, *self._listeners(claim), supply)
        finally:
            self._bundle = None
        report = replace(report, project=given.project)
        # In no other process could a cell be tried again.
        return report if self._session is None else replace(report, lost=False)

    async def _serve(self, claim: Claim, given: Provided) -> Report:
        """Have the slot be a session's until that ends."""
        variables = self._variables(claim)
        self._session = self._sessions.open(claim, self.slot, variables, given.project, self._run_to_its_end)
        try:
            return await self._sessions.serve(claim, self._session)
        finally:
            self._session = None

    async def _with_files(self, claim: Claim, report: Report, folder: LeftFolder) -> Report:
        """A report with the files of its folder that are kept, which are uploaded first; the folder goes."""
        try:
            kept = await self._keep(folder, claim.task.outputs, claim.task.files, lambda: self._claims.holds(claim))
        finally:
            await asyncio.to_thread(folder.remove)
        if kept is None:  # nobody waits for this report any longer
            return report
        if kept.note:
            claim.add_output("stderr", kept.note)
        return with_files(report, kept.files, kept.error)

    def _cost(self, claim: Claim) -> int:
        """What the slot would have to do before it runs the task: nothing, compile what it calls, start Julia, or that
        with another project, which may have to be prepared.
        """
        task = claim.task
        at_hand = self.slot.key.project if self.slot.key is not None else None
        if task.project != (at_hand.id if at_hand is not None else None):
            return NEW_PROCESS + 1
        wanted = self.slot.key_for(task.threads or 1, self._variables(claim), task.memory_limit_bytes, at_hand)
        if self.slot.key != wanted:
            return NEW_PROCESS
        compiled = self._compiled if self._compiled_by == self.slot.pid else ()
        return 0 if task.kind is not TaskKind.CALL or _definition(claim) in compiled else 1

    def _variables(self, claim: Claim) -> tuple[tuple[str, str], ...]:
        """What its process finds in its environment for it: what it asks for, and its devices."""
        return variables_of(claim.task.env, self._claims.capacity.variables_for(claim, self._devices))

    def _note_compiled(self, claim: Claim) -> None:
        if self._compiled_by != self.slot.pid:
            self._compiled_by, self._compiled = self.slot.pid, set()
        definition = _definition(claim)
        if definition is not None:
            self._compiled.add(definition)

    def _fail(self, claim: Claim, error: Exception) -> None:
        """How the attempt ended cannot be told; that it failed, perhaps, or else the service finds out."""
        with error_boundary(self.slot.index, f"task {claim.task.id}", lambda _: self._claims.forget(claim)):
            self._end(claim, self.slot.failed_report(error))

    def _end(self, claim: Claim, report: Report) -> None:
        if self._claims.holds(claim):  # else the service has taken it away
            self._outcomes.add(claim, self._make_outcome(claim, report), report.file)

    def _listeners(self, claim: Claim) -> Listeners:
        """What takes a running task's progress, output and series, and has the service told soon."""

        def progress(fraction: float, message: str) -> None:
            claim.set_progress(fraction, message)
            self._on_news()

        def output(stream: str, text: str) -> None:
            claim.add_output(stream, text)
            self._on_news()

        def series(reported: msgspec.Raw) -> None:
            claim.set_series(reported)
            self._on_news()

        return Listeners(progress, output, series)


def _definition(claim: Claim) -> str | None:
    """SHA-256 of the code whose function the task calls; None where it calls none."""
    task = claim.task
    return (task.source or sha256_of(task.code)) if task.kind is TaskKind.CALL else None


def _job(claim: Claim, given: Provided, variables: tuple[tuple[str, str], ...]) -> Job:
    task = claim.task
    job = Job(
        task_id=task.id,
        attempt=claim.attempt,
        name=task.name,
        kind=task.kind,
        code=given.code,
        arguments=task.arguments,
        entry=task.entry,
        timeout_s=task.timeout_s,
        memory_limit_bytes=task.memory_limit_bytes,
        refused=claim.refused,
        passed=given.files.paths,
        files=given.files.files,
        outputs=task.outputs,
        threads=task.threads or 1,
        variables=variables,
        project=given.project,
        displays=task.displays,
    )
    return job if task.seed is None else replace(job, seed=task.seed)
