"""Broker messages: what is written can be read, and what is not a message is refused with a reason."""

from __future__ import annotations

import json

import msgspec
import pytest
from sample_messages import OUTCOME, TASK, changed

from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import MessageError
from taskq_kernel.messages import (
    SCHEMA,
    ErrorInfo,
    OutcomeMessage,
    TaskMessage,
    decode,
    encode,
)


def test_a_task_message_comes_back_as_it_went() -> None:
    assert decode(TaskMessage, encode(TASK)) == TASK


def test_an_outcome_comes_back_with_every_digit_of_its_value() -> None:
    again = decode(OutcomeMessage, encode(OUTCOME))
    assert again.value is not None
    assert again.value.data is not None
    assert bytes(again.value.data) == b"3.14159265358979323846264338"
    assert again.logs == OUTCOME.logs


def test_a_failed_outcome_carries_its_error() -> None:
    error = ErrorInfo(name="DomainError", message="no", stacktrace="at 1", line=3)
    failed = msgspec.structs.replace(OUTCOME, value=None, status=TaskStatus.FAILED, error=error)
    assert decode(OutcomeMessage, encode(failed)) == failed


def test_an_outcome_of_an_earlier_release_tells_no_progress_and_no_loss() -> None:
    later = msgspec.structs.replace(OUTCOME, progress=0.5, progress_message="half", lost=True)
    assert decode(OutcomeMessage, encode(later)) == later
    fields = json.loads(encode(later))
    for name in ("progress", "progress_message", "lost"):
        del fields[name]
    earlier = decode(OutcomeMessage, json.dumps(fields).encode())
    assert (earlier.progress, earlier.progress_message, earlier.lost) == (None, "", False)
    assert earlier.value is not None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not a JSON object"),
        (b"\xff\xfe", "not a JSON object"),
        (b"[1, 2]", "not a JSON object"),
        (b"{}", "no schema version"),
        (changed(TASK, schema=SCHEMA + 1), f"this release reads {SCHEMA} only"),
        (changed(TASK, schema="one"), "schema version 'one'"),
        (changed(TASK, number="seven"), "not a TaskMessage"),
        (changed(TASK, kind="POEM"), "not a TaskMessage"),
        (f'{{"schema": {SCHEMA}}}'.encode(), "missing required field"),
    ],
)
def test_what_is_not_a_message_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(MessageError, match=reason) as refused:
        decode(TaskMessage, body)
    assert reason in refused.value.reason


def test_an_unknown_field_does_no_harm() -> None:
    again = decode(TaskMessage, changed(TASK, colour="blue"))
    assert json.loads(bytes(again.arguments)) == json.loads(bytes(TASK.arguments))
    assert msgspec.structs.replace(again, arguments=TASK.arguments) == TASK


def test_a_message_is_never_changed() -> None:
    with pytest.raises(AttributeError):
        TASK.name = "another"  # type: ignore[misc]  # what is tested
