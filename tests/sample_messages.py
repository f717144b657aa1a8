"""A message of each kind, and how to change one."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from taskq_kernel.domain import TaskKind, TaskStatus, ValueKind
from taskq_kernel.messages import SCHEMA, LogChunk, OutcomeMessage, Provenance, TaskMessage, ValueInfo, encode

TASK = TaskMessage(
    schema=SCHEMA, id="5c8bd1a2-7f0e-4a54-9a3c-3a8c1f1f2a11", number=7, name="a sum", kind=TaskKind.SCRIPT,
    code='println("\u00e9\u0000")\n1 + 1', arguments=msgspec.Raw(b'{"n":3,"x":[1.5,null]}'), timeout_s=2.5,
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


def changed(message: Any, **fields: Any) -> bytes:
    """The message with other fields, as it would travel."""
    return json.dumps({**json.loads(encode(message)), **fields}).encode()
