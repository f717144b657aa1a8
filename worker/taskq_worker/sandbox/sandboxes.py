"""How a slot's Julia processes are kept from the rest: a user, a namespace, limits.

Where the worker is root, `make_sandboxes` finds a user for each slot and makes sure that it can
run Julia. Where that cannot be had, tasks run as the worker's own user, as they always do
where the worker is not root; `Sandboxes.note` says which it is, and why.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from taskq_kernel.errors import SettingsError, SetupError
from taskq_kernel.settings import Settings
from taskq_worker.julia.command import RunnerCommand
from taskq_worker.julia.environment import task_environment
from taskq_worker.sandbox.limits import read_limits
from taskq_worker.sandbox.mount_namespace import MountNamespace, obstacle, readable
from taskq_worker.sandbox.sandbox import Sandbox
from taskq_worker.sandbox.task_user import ClaimedUsers, TaskUser, find_user

#: How long Julia may take to say its version.
PROBE_TIMEOUT_S = 60.0
#: What makes a package depot one that tasks may need.
_DEPOT_CONTENTS = ("packages", "dev", "environments", "juliaup")


class Sandboxes:
    """The sandbox of each slot of a worker. Made by `make_sandboxes`.

    Attributes
    ----------
    note : str
        As whom tasks run, in a sentence.
    reason : str
        Why they do not have users of their own, though the worker is root; empty if they do.
    """

    def __init__(self, slots: Sequence[Sandbox], note: str, reason: str = "", stack: ExitStack | None = None):
        self.note = note
        self.reason = reason
        self._slots = slots
        self._stack = stack or ExitStack()

    def slot(self, index: int) -> Sandbox:
        """The sandbox of a slot."""
        return self._slots[index]

    def close(self) -> None:
        """Give the users back. To be called when the slots are closed."""
        self._stack.close()


def make_sandboxes(
    settings: Settings, runner: RunnerCommand, folder: Path, slots: int, needed: Sequence[Path] = ()
) -> Sandboxes:
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
    needed : sequence of Path
        What tasks read besides: where projects lie that they have at hand, and the Julias of these.

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
        return _apart(settings, runner, [folder, *needed], slots, named)
    except (SetupError, OSError) as error:
        if named is not None:
            raise SettingsError(f"tasks cannot run as {settings.task_user!r}, as task_user says: {error}") from error
        return _as_worker(settings, slots, str(error))


def _as_worker(settings: Settings, slots: int, reason: str = "") -> Sandboxes:
    own = TaskUser(os.geteuid(), os.getegid())
    note = f"tasks run as the worker's own user, {own}, and can read what that user can read"
    if reason:
        note = f"{note}, for they cannot run as a user of their own: {reason}"
    return Sandboxes([Sandbox(limits=read_limits(settings, own_user=False))] * slots, note, reason)


def _apart(
    settings: Settings, runner: RunnerCommand, folders: Sequence[Path], slots: int, named: TaskUser | None
) -> Sandboxes:
    folder = folders[0]
    if os.pathsep in str(folder):
        raise SetupError(f"Julia would take {folder} for several folders; set TMPDIR to one without {os.pathsep!r}")
    with ExitStack() as stack:
        users = [named] * slots if named else stack.enter_context(closing(ClaimedUsers(slots))).users
        folder.chmod(0o755)
        depots = task_environment(folder, runner.environment(), os.environ)["JULIA_DEPOT_PATH"].split(os.pathsep)
        namespace = _mount_namespace([*folders, *runner.needs()], depots, users[0])
        if namespace is not None:
            stack.enter_context(closing(namespace))
        readable = tuple(depot for depot in depots if not depot or _reaches(Path(depot), users[0], namespace))
        limits = read_limits(settings, own_user=True)
        sandboxes = [
            Sandbox(user, limits, folder / f"depot-{index}", readable, namespace) for index, user in enumerate(users)
        ]
        _probe(sandboxes[0], runner, folder)
        who = f"user {users[0]}" if named or slots == 1 else f"users {users[0]} to {users[-1]}, one a slot"
        return Sandboxes(sandboxes, f"tasks run as {who}", stack=stack.pop_all())


def _mount_namespace(needed: Sequence[Path], depots: Sequence[str], user: TaskUser) -> MountNamespace | None:
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
        return MountNamespace([*wanted, *packages], closed)
    except OSError as error:
        beyond = ", ".join(str(path) for path, what in obstacles.items() if what is not None)
        raise SetupError(
            f"others may not enter {', '.join(map(str, sorted(closed)))}, which the way to {beyond} leads through, "
            f"and this process may not show them another way ({error.strerror})"
        ) from error


def _reaches(path: Path, user: TaskUser, namespace: MountNamespace | None) -> bool:
    way = (namespace is not None and path in namespace.shown) or obstacle(path, user) is None
    return way and (readable(path, user) or not path.exists())


def _holds_packages(depot: Path) -> bool:
    return any((depot / name).is_dir() for name in _DEPOT_CONTENTS)


def _probe(sandbox: Sandbox, runner: RunnerCommand, folder: Path) -> None:
    """Make sure that a process of the user starts, and that this one can end it."""
    environment = sandbox.environment(folder, runner.environment(), os.environ)
    process = sandbox.popen(
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
