"""How an attempt ended, as a message for the sink."""

from __future__ import annotations

import functools
import socket
import time
from pathlib import Path

import msgspec

from taskq_kernel import machine
from taskq_kernel.julia_manifest import Manifest, version_numbers
from taskq_kernel.local import julia_project
from taskq_kernel.messages import SCHEMA, OutcomeMessage, Provenance, Timing
from taskq_worker.claims.claim import Claim
from taskq_worker.manifest_texts import ManifestTexts
from taskq_worker.slots.job import Report, sha256_of

#: How often it is looked whether the worker's packages have changed, in seconds: that is several files.
LOOK_S = 0.25
#: What is not told of the time until a slot was ready for a task, in seconds: the way to a warm process takes less.
NOT_TOLD_S = 0.05


def make_outcome(
    claim: Claim, report: Report, *, worker: str, runner: str, home: Path, texts: ManifestTexts
) -> OutcomeMessage:
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
        The data folder, whose Julia project the task had unless it has brought one.
    texts : ManifestTexts
        Which texts of manifests were told already.
    """
    task = claim.task
    manifest = _manifest(claim, report, home)
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
        timing=_timing(claim, report),
        files=list(report.kept),
        provenance=Provenance(
            code_sha256=task.source or sha256_of(task.code),
            julia_version=report.julia_version,
            host=_host(),
            worker=worker,
            runner=report.runner or runner,
            peak_memory_bytes=report.peak_memory_bytes,
            manifest_sha256=None if manifest is None else manifest.sha256,
            manifest=None if manifest is None else texts.take(manifest),
            seed=task.seed,
            project=task.project,
            project_commit=task.project_commit,
            julia_flags=report.julia_flags,
            cpu_target=report.cpu_target,
            threads=report.julia_threads,
            blas=report.blas,
            cpu=machine.processor(),
            system=machine.system(),
            taskq_version=machine.release(),
        ),
    )


def _timing(claim: Claim, report: Report) -> Timing | None:
    """Where its time went, with what its slot had to do first: make its project ready, start a process."""
    if report.timing is None or claim.taken_at is None:
        return report.timing
    ready_s = report.started_at - claim.taken_at
    return report.timing if ready_s < NOT_TOLD_S else msgspec.structs.replace(report.timing, ready_s=ready_s)


@functools.cache
def _host() -> str:
    """This machine's name: asked for once, not with every task that ends."""
    return socket.gethostname()


def _manifest(claim: Claim, report: Report, home: Path) -> Manifest | None:
    """Which packages it had: those of its project, where that says which, else the worker's."""
    project = report.project
    if claim.task.project is not None and project is None:  # it was never ready
        return None
    if project is not None and project.packages:
        return project.manifest
    return _own_manifest(home, report.julia_version, int(time.monotonic() / LOOK_S))


@functools.lru_cache(maxsize=4)
def _own_manifest(home: Path, julia_version: str, _moment: int) -> Manifest | None:
    """The worker's own: looked for once in a moment, however many tasks end in it."""
    return julia_project.manifest(home, version_numbers(julia_version))
