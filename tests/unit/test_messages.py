"""Broker messages: what is written can be read, and what is not a message is refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from taskq_kernel.domain import TaskKind, TaskStatus, ValueKind
from taskq_kernel.errors import MessageError
from taskq_kernel.messages import (
    SCHEMA,
    ErrorInfo,
    LogChunk,
    OutcomeMessage,
    Provenance,
    TaskMessage,
    ValueInfo,
    decode,
    encode,
)

TASK = TaskMessage(
    schema=SCHEMA, id="5c8bd1a2-7f0e-4a54-9a3c-3a8c1f1f2a11", number=7, name="a sum", kind=TaskKind.SCRIPT,
    code='println("\u00e9\u0000")\n1 + 1', arguments={"n": 3, "x": [1.5, None]}, timeout_s=2.5,
    memory_limit_bytes=1 << 30,
)
OUTCOME = OutcomeMessage(
    schema=SCHEMA, id=TASK.id, attempt=2, worker="w1", name="a sum", status=TaskStatus.FINISHED,
    started_at=1.0, finished_at=2.0, seconds=0.25,
    value=ValueInfo(
        kind=ValueKind.JSON, type="BigFloat", text="3.14", data=msgspec.Raw(b"3.14159265358979323846264338")
    ),
    logs=[LogChunk(seq=1, stream="stdout", text="hello")],
    provenance=Provenance(
        code_sha256="0" * 64, julia_version="1.10.4", host="here", worker="w1", runner="julia",
        peak_memory_bytes=1,
    ),
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


def changed(message: Any, **fields: Any) -> bytes:
    return json.dumps({**json.loads(encode(message)), **fields}).encode()


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
        (changed(TASK, arguments=[1]), "not a TaskMessage"),
        (f'{{"schema": {SCHEMA}}}'.encode(), "missing required field"),
    ],
)
def test_what_is_not_a_message_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(MessageError, match=reason) as refused:
        decode(TaskMessage, body)
    assert reason in refused.value.reason


def test_an_unknown_field_does_no_harm() -> None:
    assert decode(TaskMessage, changed(TASK, colour="blue")) == TASK


def test_a_message_is_never_changed() -> None:
    with pytest.raises(AttributeError):
        TASK.name = "another"  # type: ignore[misc]  # what is tested
