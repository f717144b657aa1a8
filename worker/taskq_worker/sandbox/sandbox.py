"""What the Julia processes of one slot are confined to: a user, a mount namespace, limits."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskq_kernel.messages import ErrorInfo
from taskq_worker.julia.environment import task_environment
from taskq_worker.sandbox.limits import LIMITS_VARIABLE, ResourceLimits, add_sentence
from taskq_worker.sandbox.mount_namespace import MountNamespace
from taskq_worker.sandbox.task_user import TaskUser

#: What Julia says where a file in the task's folder may not be opened so: as a stream, and as libuv does.
_READ_ONLY = re.compile(r"""(?:opening file "(?!/)[^\n]*":|open\("(?!/)[^\n]*\):) permission denied""", re.IGNORECASE)
#: What Julia, and most programs, say when the user may not do something.
_NOT_PERMITTED = ("Permission denied", "permission denied", "EACCES", "EPERM")


@dataclass(frozen=True)
class Sandbox:
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
    namespace : MountNamespace or None
        The mount namespace that they live in. None: the worker's.
    """

    user: TaskUser | None = None
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    depot: Path | None = None
    depots: tuple[str, ...] = ()
    namespace: MountNamespace | None = None

    def environment(
        self, home: Path, own: Mapping[str, str], supervisor: Mapping[str, str], more_depots: Sequence[Path] = ()
    ) -> dict[str, str]:
        """The whole environment of a process; see `task_environment`. In ``more_depots`` it reads packages, too."""
        environment = task_environment(home, own, supervisor)
        environment[LIMITS_VARIABLE] = self.limits.variable()
        if self.user is not None:
            # They cannot write to the worker's depot, and find there what is compiled already.
            environment["JULIA_DEPOT_PATH"] = os.pathsep.join((str(self.depot), *map(str, more_depots), *self.depots))
            environment[LIMITS_VARIABLE] += ",no_new_privileges"
        return environment

    def explain(self, error: ErrorInfo) -> ErrorInfo:
        """The error, with what this sandbox has to do with it, where it has."""
        if _READ_ONLY.search(error.message):
            return add_sentence(
                error,
                "the files of a task's project, and those that it is given, can be read and not written to, nor can "
                'what cp makes of them: write to a name of your own, or to a copy that write("copy", read("name")) has '
                "made",
            )
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
        """`subprocess.Popen`, as the user and in the namespace."""
        if self.user is not None:
            options |= {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}
        if self.namespace is not None:
            return self.namespace.do(lambda: subprocess.Popen(argv, **options))
        return subprocess.Popen(argv, **options)


#: Where the worker is not root, or is told so: as the worker's own user.
OWN_USER = Sandbox()
