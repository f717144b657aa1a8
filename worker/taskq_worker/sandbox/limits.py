"""What a task may use of the operating system beside memory and time.

The limits are the kernel's own (``setrlimit``). The runner sets them on its process before
the first task, soft and hard alike, so that a task's programs inherit them and a task that
is not root cannot raise them.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

from taskq_kernel.messages import ErrorInfo
from taskq_kernel.settings import Settings
from taskq_worker.task_errors import size_text

#: Where the runner finds its limits. It removes the variable before the first task.
LIMITS_VARIABLE = "RUNNER_LIMITS"

#: What Julia, and most programs, say when the operating system grants no more.
_NO_MORE_FILES = ("Too many open files", "EMFILE")
_NO_MORE_PROCESSES = ("EAGAIN", "Resource temporarily unavailable")


@dataclass(frozen=True)
class ResourceLimits:
    """The limits of each Julia process.

    Parameters
    ----------
    open_files : int
        Open file descriptors of each process.
    file_bytes : int
        Size of the largest file that may be written.
    processes : int or None
        Processes and threads of the slot's user. None where that user has others too, for
        the kernel counts them all.
    """

    open_files: int = 16_384
    file_bytes: int = 64 << 30
    processes: int | None = None

    def variable(self) -> str:
        """For the runner: ``number=limit`` of each, with commas between them."""
        wanted = {
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_NOFILE: self.open_files,
            resource.RLIMIT_FSIZE: self.file_bytes,
        }
        if self.processes is not None:
            wanted[resource.RLIMIT_NPROC] = self.processes
        return ",".join(f"{number}={_allowed(number, limit)}" for number, limit in wanted.items())

    def explain(self, error: ErrorInfo) -> ErrorInfo:
        """The error, with the limit named where it is one of these that the task ran into."""
        if any(sign in error.message for sign in _NO_MORE_FILES):
            return add_sentence(
                error,
                f"a task may have {self.open_files} files open at once (the worker's setting task_open_files); "
                "close what is not needed any more",
            )
        spawns = "spawn" in error.message or "fork" in error.message
        if self.processes is not None and spawns and any(sign in error.message for sign in _NO_MORE_PROCESSES):
            return add_sentence(
                error,
                f"a task may have {self.processes} processes and threads at once (the worker's setting "
                "task_processes); wait for some to end before you start more",
            )
        return error

    def file_too_large(self) -> ErrorInfo:
        """The kernel ended the process at its limit on the size of files (SIGXFSZ)."""
        return ErrorInfo(
            name="FileSizeLimitExceeded",
            message=f"the task wrote a file larger than {size_text(self.file_bytes)}, which is the most "
            "(the worker's setting task_file_size); write smaller files, or raise the limit",
        )


def read_limits(settings: Settings, *, own_user: bool) -> ResourceLimits:
    """The limits that the settings ask for.

    Parameters
    ----------
    settings : Settings
        `task_processes`, `task_open_files` and `task_file_size`.
    own_user : bool
        Whether a slot's tasks run as a user that runs nothing else.
    """
    processes = settings.task_processes if own_user else None
    return ResourceLimits(settings.task_open_files, settings.task_file_size, processes)


def _allowed(number: int, limit: int) -> int:
    hard = resource.getrlimit(number)[1]
    return limit if hard == resource.RLIM_INFINITY else min(limit, hard)


def add_sentence(error: ErrorInfo, sentence: str) -> ErrorInfo:
    """The same error, its message with one more sentence for the scientist."""
    return ErrorInfo(
        name=error.name, message=f"{error.message}\n({sentence})", stacktrace=error.stacktrace, line=error.line
    )
