"""What is told of an outcome that somebody behind the sink cannot take.

Its task has to end all the same: with its value as text, or as a failure that says why.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import msgspec

from taskq_kernel.domain import TaskStatus, ValueKind
from taskq_kernel.messages import NO_ARGUMENTS, ErrorInfo, OutcomeMessage, Provenance, ValueInfo

#: What is kept of a text.
_CHARACTERS = 200


def simpler(outcome: OutcomeMessage, reason: str) -> Iterator[OutcomeMessage]:
    """Outcomes to record instead of one that is refused, the best first.

    Parameters
    ----------
    reason : str
        Why it is refused; the user reads it.
    """
    # A service of an earlier release knows nothing of these.
    plain = {"lost": False, "progress": None, "series": msgspec.UNSET, "timing": None, "provenance": _earlier(outcome)}
    if any(getattr(outcome, name) != without for name, without in plain.items()):
        outcome = msgspec.structs.replace(outcome, **plain)
        yield outcome
    if outcome.status is TaskStatus.FINISHED and outcome.value is not None:
        yield msgspec.structs.replace(outcome, value=_as_text(outcome.value, reason), series=msgspec.UNSET)
    yield failed(outcome, reason)


def failed(outcome: OutcomeMessage, reason: str) -> OutcomeMessage:
    """The outcome as a failure that anybody can read and store."""
    now = time.time()
    origin = outcome.provenance
    message = f"the task ended, and its outcome ({outcome.status}) cannot be recorded: {reason}"
    return msgspec.structs.replace(
        outcome,
        name=_short(outcome.name),
        worker=_short(outcome.worker),
        status=TaskStatus.FAILED,
        started_at=_or(outcome.started_at, now),
        finished_at=_or(outcome.finished_at, now),
        seconds=_or(outcome.seconds, 0.0),
        arguments=NO_ARGUMENTS,
        value=None,
        error=ErrorInfo(name="UnreadableOutcome", message=message),
        retryable=False,
        logs=[],
        series=msgspec.UNSET,
        timing=None,
        provenance=msgspec.structs.replace(
            origin,
            code_sha256=origin.code_sha256[:64],
            julia_version=origin.julia_version[:32],
            host=_short(origin.host),
            worker=_short(origin.worker),
            runner=origin.runner[:32],
            manifest_sha256=origin.manifest_sha256 and origin.manifest_sha256[:64],
            manifest=None,
            project=origin.project and origin.project[:64],
            project_commit=origin.project_commit and _short(origin.project_commit),
            julia_flags=_short(origin.julia_flags),
            cpu_target=_short(origin.cpu_target),
            blas=None,
            cpu=_short(origin.cpu),
            system=_short(origin.system),
            taskq_version="",
        ),
    )


def _earlier(outcome: OutcomeMessage) -> Provenance:
    """Where it came from, as an earlier release tells it."""
    return msgspec.structs.replace(outcome.provenance, taskq_version="", manifest_sha256=None, manifest=None)


def _as_text(value: ValueInfo, reason: str) -> ValueInfo:
    shown = msgspec.Raw(msgspec.json.encode({"repr": value.text}))
    note = f"{value.note} The value could not be recorded, so only its text was kept: {reason}".strip()
    return ValueInfo(kind=ValueKind.REPR, type=value.type, text=value.text, data=shown, note=note)


def _short(text: str) -> str:
    return text.replace("\0", "")[:_CHARACTERS]


def _or(number: float, otherwise: float) -> float:
    return number if math.isfinite(number) and abs(number) < 1e12 else otherwise
