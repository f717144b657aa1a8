"""What Julia's last frame, or the reason why there is none, comes to as a report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

import msgspec

from taskq_kernel.domain import TaskStatus
from taskq_kernel.messages import ErrorInfo, ValueInfo
from taskq_kernel.task_files import KeptFile
from taskq_worker import task_errors
from taskq_worker.julia.advice import advise
from taskq_worker.slots.ending import Lost
from taskq_worker.slots.frames import End, Value
from taskq_worker.slots.job import Report
from taskq_worker.slots.process import JuliaProcess


def report_of(
    ending: End | ErrorInfo | Lost, process: JuliaProcess, started_at: float, seconds: float, peak: int,
    file: BinaryIO | None = None, finished_at: float | None = None,
) -> Report:
    """The report of an attempt.

    Parameters
    ----------
    ending : End, ErrorInfo or Lost
        Julia's last frame, or why there is none.
    process : JuliaProcess
        Where it ran; what that was confined to may explain an error.
    started_at, seconds : float
        When it began, in seconds since 1970, and how long it took by this process's clock.
    peak : int
        The most memory it used, in bytes.
    file : file, optional
        What the value is in, where it is too large for a frame.
    finished_at : float, optional
        When it ended, in seconds since 1970. Default: now.
    """
    value, error, retryable = None, None, True
    if isinstance(ending, ErrorInfo | Lost):
        error = ending.error if isinstance(ending, Lost) else ending
    else:
        value, error, retryable, seconds = (
            _value(ending.value),
            _explained(ending.error, process) if ending.error else None,
            ending.retryable,
            ending.seconds,
        )
    if value is None and error is None:
        error = task_errors.broken_frames("it sent an end with neither a value nor an error")
    status = TaskStatus.FINISHED if error is None else TaskStatus.FAILED
    series, timing, blas = None, None, None
    if isinstance(ending, End):
        timing, blas = ending.timing, ending.blas
        series = None if isinstance(ending.series, msgspec.UnsetType) else ending.series
    lost = isinstance(ending, Lost)
    return Report(
        status, value, error, retryable, started_at, time.time() if finished_at is None else finished_at, seconds,
        peak, process.julia_version, series, timing, lost, file, blas=blas, runner=process.kind,
        julia_flags=process.julia_flags, cpu_target=process.cpu_target, julia_threads=process.threads,
    )


def _explained(error: ErrorInfo, process: JuliaProcess) -> ErrorInfo:
    """The error, with what the process was confined to, and what it had at hand, have to do with it."""
    project = process.key.project
    return advise(process.sandbox.explain(error), in_project=project is not None and project.packages)


def with_files(report: Report, kept: Sequence[KeptFile], error: ErrorInfo | None) -> Report:
    """A report with the files that were kept; FAILED where there was more to be kept, and its code did not fail."""
    if error is None or report.status is TaskStatus.FAILED:
        return replace(report, kept=kept)
    if report.file is not None:
        report.file.close()
    return replace(
        report, kept=kept, status=TaskStatus.FAILED, value=None, file=None, error=error, retryable=False,
    )


def _value(value: Value | None) -> ValueInfo | None:
    if value is None:
        return None
    return ValueInfo(
        kind=value.kind,
        type=value.type,
        text=value.text,
        data=value.data,
        size=len(bytes(value.data)),
        note=value.note,
    )
