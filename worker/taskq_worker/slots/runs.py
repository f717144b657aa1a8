"""Jobs on their way to Julia: what frames know them by, and what takes what they say."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from taskq_kernel import task_log
from taskq_kernel.domain import TaskKind
from taskq_worker.slots.ahead import Following, Listeners
from taskq_worker.slots.frames import HEADER, run_frame
from taskq_worker.slots.job import Job, check_code
from taskq_worker.slots.output import TaskOutput
from taskq_worker.slots.passed_files import names_of


@dataclass(frozen=True, slots=True)
class Run:
    """A task as it runs in a process: the number that frames know it by, and what takes what it says."""

    number: int
    job: Job
    output: TaskOutput
    listeners: Listeners


class Runs:
    """Makes the runs of a slot, each of a greater number than all before.

    Parameters
    ----------
    max_log_bytes : int
        How much of an attempt's output is kept.
    max_value_bytes, max_array_bytes : int
        The longest value kept whole, as JSON, and the largest array of numbers, in a file.
    """

    def __init__(self, *, max_log_bytes: int, max_value_bytes: int, max_array_bytes: int) -> None:
        self._max_log_bytes = max_log_bytes
        self._max_value_bytes = max_value_bytes
        self._max_array_bytes = max_array_bytes
        #: What a log has room for, as one piece, and a frame.
        self._max_display_bytes = min(task_log.shares(max_log_bytes)[0], max_value_bytes)
        self._numbers = count(1)

    def of(self, job: Job, listeners: Listeners) -> Run:
        """A run of this job."""
        return self.of_following(Following(next(self._numbers), job, listeners))

    def of_following(self, following: Following) -> Run:
        """The run of a job that was sent ahead."""
        listeners = following.listeners
        return Run(following.number, following.job, TaskOutput(self._max_log_bytes, listeners.on_log), listeners)

    def frame(self, number: int, job: Job, code: str | None = None) -> bytes:
        """The frame that starts a run of a job, with another code perhaps.

        Raises
        ------
        TypeError, ValueError, RecursionError
            If the arguments are no JSON.
        """
        return run_frame(
            number, job.kind, job.code if code is None else code, job.code_sha256, job.entry, job.seed, job.arguments,
            self._max_value_bytes, self._max_array_bytes, names_of(job.passed), job.cell,
            self._max_display_bytes if job.displays else 0,
        )

    def packet(self, job: Job) -> tuple[int, bytes] | None:
        """A number and a request for a job to be sent ahead; None where that is to be told when its turn has come.

        It is without the code of a definition, which its process has by then.
        """
        if job.kind is TaskKind.SCRIPT and check_code(job.code) is not None:
            return None
        number = next(self._numbers)
        try:
            return number, self.frame(number, job, "" if job.kind is TaskKind.CALL else job.code)[HEADER.size :]
        except (TypeError, ValueError, RecursionError):
            return None
