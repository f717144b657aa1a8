"""How a slot's Julia processes are kept from the rest: a user, a view, limits.

Where the worker is root, `isolate` finds a user for each slot and makes sure that it can
run Julia. Where that cannot be had, tasks run as the worker's own user, as they always do
where the worker is not root; `Isolation.note` says which it is, and why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskq_kernel.errors import SettingsError, SetupError
from taskq_kernel.messages import ErrorInfo
from taskq_kernel.settings import Settings
from taskq_worker.limits import LIMITS_VARIABLE, ResourceLimits, add_sentence, read_limits
from taskq_worker.runner import RunnerCommand, task_environment
from taskq_worker.task_user import ClaimedUsers, TaskUser, find_user
from taskq_worker.view import View, obstacle, readable

#: How long Julia may take to say its version.
PROBE_TIMEOUT_S = 60.0
#: What Julia, and most programs, say when the user may not do something.
_NOT_PERMITTED = ("Permission denied", "permission denied", "EACCES", "EPERM")
#: What makes a package depot one that tasks may need.
_DEPOT_CONTENTS = ("packages", "dev", "environments", "juliaup")


@dataclass(frozen=True)
class Confinement:
    """What the Julia processes of one slot are confined to.

    Parameters
    ----------
    user : TaskUser or None
        As whom they run. None: as the worker.
    limits : ResourceLimits
        What they may use.
    depot : Path or None
        Where what Julia compiles and downloads for tasks is kept. None: where the worker's
        user has it.
    depots : tuple of str
        Package depots that `user` can read.
    view : View or None
        The mount namespace that they live in. None: the worker's.
    """

    user: TaskUser | None = None
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    depot: Path | None = None
    depots: tuple[str, ...] = ()
    view: View | None = None

    def environment(self, home: Path, own: Mapping[str, str], supervisor: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of a process; see `task_environment`."""
        environment = task_environment(home, own, supervisor)
        environment[LIMITS_VARIABLE] = self.limits.variable()
        if self.user is not None:
            # They cannot write to the worker's depot, and find there what is compiled already.
            environment["JULIA_DEPOT_PATH"] = os.pathsep.join((str(self.depot), *self.depots))
            environment[LIMITS_VARIABLE] += ",no_new_privileges"
        return environment

    def explain(self, error: ErrorInfo) -> ErrorInfo:
        """The error, with what this confinement has to do with it, where it has."""
        if self.user is not None and any(sign in error.message for sign in _NOT_PERMITTED):
            return add_sentence(
                error,
                f"tasks run as user {self.user}, who may not do that: let everybody, or name another user in the "
                "worker's setting task_user",
            )
        return self.limits.explain(error)

    def own(self, folder: Path) -> None:
        """Give a folder, made by this process where only it can write, to the user."""
        if self.user is not None:
            os.chown(folder, self.user.uid, self.user.gid, follow_symlinks=False)

    def make_depot(self) -> None:
        """Make `depot`."""
        if self.depot is not None and not self.depot.exists():
            self.depot.mkdir(mode=0o700)
            self.own(self.depot)

    def remove_depot(self) -> None:
        """Remove `depot`."""
        if self.depot is not None:
            shutil.rmtree(self.depot, ignore_errors=True)

    def popen(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """`subprocess.Popen`, as the user and in the view."""
        if self.user is not None:
            options |= {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}
        if self.view is not None:
            return self.view.do(lambda: subprocess.Popen(argv, **options))
        return subprocess.Popen(argv, **options)


#: Where the worker is not root, or is told so: as the worker's own user.
OWN_USER = Confinement()


class Isolation:
    """The confinement of each slot of a worker. Made by `isolate`.

    Attributes
    ----------
    note : str
        As whom tasks run, in a sentence.
    reason : str
        Why they do not have users of their own, though the worker is root; empty if they do.
    """

    def __init__(self, slots: Sequence[Confinement], note: str, reason: str = "", stack: ExitStack | None = None):
        self.note = note
        self.reason = reason
        self._slots = slots
        self._stack = stack or ExitStack()

    def slot(self, index: int) -> Confinement:
        """The confinement of a slot."""
        return self._slots[index]

    def close(self) -> None:
        """Give the users back. To be called when the slots are closed."""
        self._stack.close()


def isolate(settings: Settings, runner: RunnerCommand, folder: Path, slots: int) -> Isolation:
    """Find out as whom tasks can run, and prepare that.

    Parameters
    ----------
    settings : Settings
        `task_user`, and the limits.
    runner : RunnerCommand
        What tasks need to be able to run.
    folder : Path
        Where the tasks' folders are made. The task users are let through it.
    slots : int
        How many slots there are.

    Raises
    ------
    SettingsError
        If `Settings.task_user` names a user that tasks cannot run as.
    """
    me = os.geteuid()
    named = find_user(settings.task_user) if settings.task_user is not None else None
    if me != 0 and named is not None and named.uid != me:
        raise SettingsError(
            f"task_user is {settings.task_user!r}, and only a worker that runs as root can run tasks as another user"
        )
    if me != 0 or (named is not None and named.uid == me):
        return _as_worker(settings, slots)
    try:
        return _apart(settings, runner, folder, slots, named)
    except (SetupError, OSError) as error:
        if named is not None:
            raise SettingsError(f"tasks cannot run as {settings.task_user!r}, as task_user says: {error}") from error
        return _as_worker(settings, slots, str(error))


def _as_worker(settings: Settings, slots: int, reason: str = "") -> Isolation:
    own = TaskUser(os.geteuid(), os.getegid())
    note = f"tasks run as the worker's own user, {own}, and can read what that user can read"
    if reason:
        note = f"{note}, for they cannot run as a user of their own: {reason}"
    return Isolation([Confinement(limits=read_limits(settings, own_user=False))] * slots, note, reason)


def _apart(
    settings: Settings, runner: RunnerCommand, folder: Path, slots: int, named: TaskUser | None
) -> Isolation:
    if os.pathsep in str(folder):
        raise SetupError(f"Julia would take {folder} for several folders; set TMPDIR to one without {os.pathsep!r}")
    with ExitStack() as stack:
        users = [named] * slots if named else stack.enter_context(closing(ClaimedUsers(slots))).users
        folder.chmod(0o755)
        depots = task_environment(folder, runner.environment(), os.environ)["JULIA_DEPOT_PATH"].split(os.pathsep)
        view = _view([folder, *runner.needs()], depots, users[0])
        if view is not None:
            stack.enter_context(closing(view))
        readable = tuple(depot for depot in depots if not depot or _reaches(Path(depot), users[0], view))
        limits = read_limits(settings, own_user=True)
        confinements = [
            Confinement(user, limits, folder / f"depot-{index}", readable, view) for index, user in enumerate(users)
        ]
        _probe(confinements[0], runner, folder)
        who = f"user {users[0]}" if named or slots == 1 else f"users {users[0]} to {users[-1]}, one a slot"
        return Isolation(confinements, f"tasks run as {who}", stack=stack.pop_all())


def _view(needed: Sequence[Path], depots: Sequence[str], user: TaskUser) -> View | None:
    """Show a user what it needs and cannot reach; None where it can reach everything."""
    packages = [Path(depot) for depot in depots if depot and Path(depot).is_dir()]
    wanted = [*needed, *(depot for depot in packages if _holds_packages(depot))]
    wanted = [one for path in wanted for one in (path, path.resolve())]
    for path in wanted:
        if not readable(path, user):
            raise SetupError(f"others may not read {path}")
    obstacles = {path: obstacle(path, user) for path in wanted}
    closed = {what for what in obstacles.values() if what is not None}
    if not closed:
        return None
    try:
        return View([*wanted, *packages], closed)
    except OSError as error:
        beyond = ", ".join(str(path) for path, what in obstacles.items() if what is not None)
        raise SetupError(
            f"others may not enter {', '.join(map(str, sorted(closed)))}, which the way to {beyond} leads through, "
            f"and this process may not show them another way ({error.strerror})"
        ) from error


def _reaches(path: Path, user: TaskUser, view: View | None) -> bool:
    way = (view is not None and path in view.shown) or obstacle(path, user) is None
    return way and (readable(path, user) or not path.exists())


def _holds_packages(depot: Path) -> bool:
    return any((depot / name).is_dir() for name in _DEPOT_CONTENTS)


def _probe(confinement: Confinement, runner: RunnerCommand, folder: Path) -> None:
    """Make sure that a process of the user starts, and that this one can end it."""
    environment = confinement.environment(folder, runner.environment(), os.environ)
    process = confinement.popen(
        runner.probe(), env=environment, cwd=folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    with process:
        os.kill(process.pid, 0)  # which needs a privilege, and may be refused
        try:
            said, _ = process.communicate(timeout=PROBE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise SetupError(f"{runner.probe()[0]} did not answer within {PROBE_TIMEOUT_S:g} s") from None
    if process.returncode != 0:
        raise SetupError(f"{runner.probe()[0]} does not run: {said.decode(errors='replace').strip()[-500:]}")
