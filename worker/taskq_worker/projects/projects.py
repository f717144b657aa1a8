"""The projects that a worker's tasks have at hand: asked for by slots, prepared once, however many want them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from taskq_kernel.julia_environment import packages_in
from taskq_kernel.julia_manifest import Manifest, manifest_file, project_file
from taskq_worker.claims.passed import Fetch
from taskq_worker.julia.choice import choose
from taskq_worker.julia.command import PackageRunner
from taskq_worker.julia.prepared_project import PreparedProject
from taskq_worker.projects.errors import FilesMissing, NoRoom, ProjectFailed
from taskq_worker.projects.layout import lay_out
from taskq_worker.projects.preparation import prepare
from taskq_worker.projects.store import FAILED_S, NO_ROOM_S, Entry, EntryLock, ProjectStore, give_tree, seal
from taskq_worker.sandbox.sandbox import Sandbox
from taskq_worker.sandbox.task_user import TaskUser

log = logging.getLogger(__name__)

#: How often somebody who waits looks whether it is ready, and whether it is wanted still, in seconds.
LOOK_S = 0.1
#: What is shown of a line that Pkg prints, in characters.
_LINE_CHARACTERS = 160


class ProjectLease:
    """Keeps a project on this machine until it is given back."""

    def __init__(self, project: PreparedProject, lock: EntryLock) -> None:
        self.project = project
        self._lock = lock

    def close(self) -> None:
        """Give it back: it may be removed from now on."""
        self._lock.close()


class Projects:
    """Makes projects ready for the slots of one worker.

    Parameters
    ----------
    store : ProjectStore
        Where they lie.
    julias : sequence of PackageRunner
        What their tasks run in: the one that goes with a project's manifest, else the first.
    fetch : callable
        Asks the service for a file.
    timeout_s : float
        How long preparing one may take.
    """

    def __init__(self, store: ProjectStore, julias: Sequence[PackageRunner], fetch: Fetch, timeout_s: float) -> None:
        self._store = store
        self._julias = julias
        self._fetch = fetch
        self._timeout_s = timeout_s
        self._identities: dict[PackageRunner, str] = {}

    async def lease(
        self, project: str, sandbox: Sandbox, on_message: Callable[[str], None], wanted: Callable[[], bool],
        made_with: Sequence[str] = (),
    ) -> ProjectLease | None:
        """A project that is ready, once it is; None if it is no longer wanted.

        Parameters
        ----------
        project : str
            The SHA-256 of its manifest.
        sandbox : Sandbox
            As whom it is prepared, if it is to be.
        on_message : callable
            Called with what goes on.
        wanted : callable
            Whether it is waited for still.
        made_with : sequence of str
            The versions of Julia that its manifests were made with; none: any will do.

        Raises
        ------
        ProjectFailed
            If it cannot be made ready, now or a moment ago.
        NoRoom
            If the disk does not take it.
        """
        try:
            return await self._lease(project, sandbox, on_message, wanted, made_with)
        except OSError as error:
            said = error.strerror or str(error)
            raise NoRoom(f"it cannot be kept: {said} ({error.filename or self._store.folder})") from error

    async def _lease(
        self, project: str, sandbox: Sandbox, on_message: Callable[[str], None], wanted: Callable[[], bool],
        made_with: Sequence[str],
    ) -> ProjectLease | None:
        julia = await asyncio.to_thread(choose, self._julias, made_with)
        entry = self._store.entry(await asyncio.to_thread(self._key, project, julia, sandbox))
        while wanted():
            lock = entry.lock()
            try:
                if lock.alone() and not entry.is_ready():
                    await self._make(project, julia, entry, sandbox, on_message, wanted)
                if lock.among_many() and entry.is_ready():
                    entry.used()
                    return ProjectLease(await asyncio.to_thread(_prepared, project, julia, entry, sandbox), lock)
            except BaseException:
                lock.close()
                raise
            lock.close()
            on_message("preparing the project: another slot is at it")
            await asyncio.sleep(LOOK_S)
        return None

    def _key(self, project: str, julia: PackageRunner, sandbox: Sandbox) -> str:
        self._store.make()
        if julia not in self._identities:
            self._identities[julia] = julia.identity()
        where = sandbox.depots if sandbox.user is not None else os.environ.get("JULIA_DEPOT_PATH", "")
        text = f"{self._identities[julia]}\0{where}\0{sandbox.user is not None}"
        return f"{project[:40]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    async def _make(
        self, project: str, julia: PackageRunner, entry: Entry, sandbox: Sandbox, on_message: Callable[[str], None],
        wanted: Callable[[], bool],
    ) -> None:
        """Make an entry, whose lock is held alone; not to its end where it is no longer wanted."""
        failure = entry.failure()
        if failure is not None:
            raise ProjectFailed(failure)

        def told(line: str) -> None:
            on_message(f"preparing the project: {line[:_LINE_CHARACTERS]}")

        try:
            await _while_wanted(self._make_whole(project, julia, entry, sandbox, told), wanted)
        except ProjectFailed as error:
            if not isinstance(error, FilesMissing):
                entry.fail(str(error), NO_ROOM_S if isinstance(error, NoRoom) else FAILED_S)
            raise
        finally:
            if not entry.is_ready():
                await asyncio.shield(asyncio.to_thread(entry.clear))

    async def _make_whole(
        self, project: str, julia: PackageRunner, entry: Entry, sandbox: Sandbox, told: Callable[[str], None]
    ) -> None:
        told("its files")
        await lay_out(project, entry, self._fetch)
        user = None
        if project_file(entry.tree) is not None or packages_in(entry.tree):
            user = sandbox.user
            log.info("preparing project %s in %s", project[:12], entry.folder)
            told("its packages")
            await asyncio.to_thread(_hand_over, entry, sandbox)
            await prepare(julia, entry.tree, sandbox, _depots(entry, sandbox), self._timeout_s, told)
        await asyncio.to_thread(_finish, entry, user)
        await asyncio.to_thread(self._store.make_room)


async def _while_wanted(work: Coroutine[Any, Any, None], wanted: Callable[[], bool]) -> None:
    task = asyncio.ensure_future(work)
    try:
        while not task.done() and wanted():
            await asyncio.wait({task}, timeout=LOOK_S)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    if not task.cancelled():
        task.result()


def _depots(entry: Entry, sandbox: Sandbox) -> str | None:
    """Where packages go: the user's depot, or the project's own where the user of a slot cannot write there."""
    return None if sandbox.user is None else os.pathsep.join((str(entry.depot), *sandbox.depots))


def _hand_over(entry: Entry, sandbox: Sandbox) -> None:
    """Let the user write who prepares."""
    if sandbox.user is not None:
        entry.depot.mkdir(exist_ok=True)
        for folder in (entry.tree, entry.depot):
            give_tree(folder, sandbox.own)


def _finish(entry: Entry, user: TaskUser | None) -> None:
    """From now on nobody writes there, the user to whom it was handed over neither."""
    for folder in (entry.tree, entry.depot):
        if folder.exists():
            seal(folder, None if user is None else user.uid)
    entry.finish()



def _prepared(project: str, julia: PackageRunner, entry: Entry, sandbox: Sandbox) -> PreparedProject:
    """What processes are started with."""
    if project_file(entry.tree) is None:
        return PreparedProject(project, entry.tree)
    depot = entry.depot if sandbox.user is not None else None
    manifest = Manifest.of(manifest_file(entry.tree, julia.version()))
    return PreparedProject(project, entry.tree, True, depot, manifest, julia.program)
