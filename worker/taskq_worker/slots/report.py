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
from taskq_worker.sandbox.sandbox import Sandbox
from taskq_worker.slots.attempt import Lost
from taskq_worker.slots.frames import End, Value
from taskq_worker.slots.job import Report


def report_of(
    ending: End | ErrorInfo | Lost, sandbox: Sandbox, started_at: float, seconds: float, peak: int, version: str,
    file: BinaryIO | None = None,
) -> Report:
    """The report of an attempt.

    Parameters
    ----------
    ending : End, ErrorInfo or Lost
        Julia's last frame, or why there is none.
    sandbox : Sandbox
        What it was confined to, which may explain an error.
    started_at, seconds : float
        When it began, in seconds since 1970, and how long it took by this process's clock.
    peak : int
        The most memory it used, in bytes.
    version : str
        Julia's.
    file : file, optional
        What the value is in, where it is too large for a frame.
    """
    value, error, retryable = None, None, True
    if isinstance(ending, ErrorInfo | Lost):
        error = ending.error if isinstance(ending, Lost) else ending
    else:
        value, error, retryable, seconds = (
            _value(ending.value),
            advise(sandbox.explain(ending.error)) if ending.error else None,
            ending.retryable,
            ending.seconds,
        )
    if value is None and error is None:
        error = task_errors.broken_frames("it sent an end with neither a value nor an error")
    status = TaskStatus.FINISHED if error is None else TaskStatus.FAILED
    series, timing = None, None
    if isinstance(ending, End):
        timing = ending.timing
        series = None if isinstance(ending.series, msgspec.UnsetType) else ending.series
    lost = isinstance(ending, Lost)
    return Report(
        status, value, error, retryable, started_at, time.time(), seconds, peak, version, series, timing, lost, file,
    )


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
