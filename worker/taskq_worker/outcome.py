"""How an attempt ended, as a message for the sink."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec

from taskq_kernel.local.julia_project import manifest_sha256
from taskq_kernel.messages import SCHEMA, OutcomeMessage, Provenance
from taskq_worker.claims.claim import Claim
from taskq_worker.slots.job import Report, sha256_of


def make_outcome(claim: Claim, report: Report, *, worker: str, runner: str, home: Path) -> OutcomeMessage:
    """The outcome of a claimed task; it takes the last progress along, and the output that the service has not got.

    Parameters
    ----------
    claim : Claim
        What ran.
    report : Report
        How it ended.
    worker : str
        The worker's name.
    runner : str
        The kind of Julia process that its slots have; a project's packages may need another.
    home : Path
        The data folder, whose Julia project the task had.
    """
    task = claim.task
    progress, said = claim.progress or (None, "")
    return OutcomeMessage(
        schema=SCHEMA,
        id=task.id,
        attempt=claim.attempt,
        worker=worker,
        name=task.name,
        status=report.status,
        started_at=report.started_at,
        finished_at=report.finished_at,
        seconds=report.seconds,
        arguments=task.arguments,
        value=report.value,
        error=report.error,
        retryable=report.retryable,
        lost=report.lost,
        progress=progress,
        progress_message=said,
        logs=claim.take_output(),
        series=msgspec.UNSET if report.series is None else report.series,
        timing=report.timing,
        files=list(report.kept),
        provenance=Provenance(
            code_sha256=task.source or sha256_of(task.code),
            julia_version=report.julia_version,
            host=socket.gethostname(),
            worker=worker,
            runner=report.runner or runner,
            peak_memory_bytes=report.peak_memory_bytes,
            manifest_sha256=report.manifest_sha256 if task.project is not None else manifest_sha256(home),
            seed=task.seed,
            project=task.project,
            project_commit=task.project_commit,
        ),
    )
