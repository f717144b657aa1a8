"""What travels through RabbitMQ: JSON messages, decoded into typed, validated structs.

A message that cannot be decoded raises `MessageError` with the reason; whoever consumed
it sends it to the dead-letter queue with that reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import msgspec

from taskq_kernel.domain import TaskKind, TaskStatus, ValueKind
from taskq_kernel.errors import MessageError
from taskq_kernel.task_files import GivenFile, KeptFile

#: The schema version that this release writes. Of tasks it reads this one only: every task can
#: be published again from the database, so an old message is refused, not converted.
SCHEMA = 1

#: A value whose JSON is longer than this is uploaded to the service and travels as a
#: reference, in bytes.
INLINE_VALUE_BYTES = 64 * 1024


#: A definition's code that is longer than this is not in the messages of its tasks, in bytes.
INLINE_CODE_BYTES = 4 * 1024


#: The longest message, in bytes: what RabbitMQ 4 carries by default.
MAX_MESSAGE_BYTES = 16 << 20

TaskId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
#: Whole numbers as far as the databases hold them.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

NO_ARGUMENTS = msgspec.Raw(b"{}")


class TaskMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task on its way to a worker: all that is needed to run it once it is claimed."""

    schema: int
    id: TaskId
    number: Size
    name: str
    kind: TaskKind
    #: Empty where `source` stands for it.
    code: str = ""
    #: SHA-256 of code that is too long to travel with each of its tasks (more than
    #: `INLINE_CODE_BYTES`, ``CALL`` only): a worker asks the service for it, once.
    source: str | None = None
    #: An object. It is passed on as it was submitted: no digit is lost on the way, and what Julia
    #: cannot be given fails its own task, where it is checked, and no other.
    arguments: msgspec.Raw = NO_ARGUMENTS
    #: The function to call (``CALL`` only).
    entry: str | None = None
    timeout_s: float | None = None
    memory_limit_bytes: Size | None = None
    #: What its random numbers start from; absent from what an earlier release published.
    seed: Size | None = None
    #: What it asks of the machine; see `taskq_kernel.needs`. Absent: nothing.
    threads: Count | None = None
    env: dict[str, str] | None = None
    gpus: Count | None = None
    #: Files that are to be in its folder when it starts, by their names; the service keeps them.
    files: dict[str, GivenFile] = {}
    #: Patterns of the files of its folder that are kept when it has ended; see `taskq_kernel.file_patterns`.
    outputs: list[str] = []
    #: The folder that it has at hand, by the SHA-256 of its manifest; and its git commit.
    project: str | None = None
    project_commit: str | None = None
    #: The versions of Julia that this one takes, one of them; none: any.
    julia: list[str] = []
    #: Whether what it displays while it runs is wanted as more than text: of cells, by a service that keeps it so.
    displays: bool = False
    #: Others that came along with it: short tasks of the same code, which stands in this one alone. Each is a task of
    #: its own. A worker that does not know of them runs the first, and the service hands the others over again.
    bundle: list[TaskMessage] = []
    #: The attempt that the worker has of it already; only in a worker's own queue, see `taskq_kernel.store.grants`.
    attempt: Count | None = None


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a task failed: Julia's exception, or taskq's own reason."""

    name: str
    message: str
    stacktrace: str = ""
    #: The line of the user's code at fault, from 1, where it is known.
    line: Count | None = None


class ValueInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task's value: inline as JSON, or a reference to where the worker uploaded it."""

    kind: ValueKind
    #: Julia's type of the value, such as ``Vector{Float64}``.
    type: str
    #: A short text for a table cell, at most 200 characters.
    text: str
    #: The value's JSON; left out where `ref` holds it.
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    #: SHA-256 of the uploaded JSON.
    ref: str | None = None
    #: Length of the value's JSON, in bytes.
    size: Size = 0
    #: What was left out or converted, in a sentence for the reader; empty if nothing was.
    note: str = ""


class LogChunk(msgspec.Struct, frozen=True, kw_only=True):
    """Some of what a task printed. `seq` grows by one with each chunk of an attempt."""

    seq: Count
    stream: str
    text: str


class Timing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a task's time went, by Julia's own counters; durations in seconds."""

    #: Before the code began: to parse it, or to evaluate its definition.
    prepare_s: float
    #: Of the code's time: compiling (None before Julia 1.6), and collecting garbage.
    compile_s: float | None
    gc_s: float
    #: What the code allocated in all.
    allocated_bytes: Size
    #: After the code: its value's way into JSON.
    encode_s: float
    #: What the process has computed while the code ran, all threads together; children do not count.
    cpu_s: float | None = None
    #: Before all of it, by the worker's clock: until the slot that took it up had its project and its process ready.
    ready_s: float = 0.0


class Blas(msgspec.Struct, frozen=True):
    """The linear algebra that a task had, as it was when its code ended."""

    name: str
    threads: Count


class Provenance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a result came from."""

    code_sha256: str
    julia_version: str
    host: str
    worker: str
    runner: str
    peak_memory_bytes: Size
    #: Of the manifest of taskq's own Julia project: its packages. None where it has none. And what is in it, with
    #: some of the outcomes that have it: whoever keeps them keeps it by its hash.
    manifest_sha256: str | None = None
    manifest: str | None = None
    #: What the task's random numbers started from.
    seed: Size | None = None
    #: The folder that it had at hand, by the SHA-256 of its manifest; and its git commit. Then `manifest_sha256`
    #: is that of this project's own Manifest.toml.
    project: str | None = None
    project_commit: str | None = None
    #: Julia's options that decide what it computes, and for which processor it compiles.
    julia_flags: str = ""
    cpu_target: str = ""
    threads: Count | None = None
    #: Linear algebra; None where nothing has loaded it.
    blas: Blas | None = None
    #: The processor's model, the operating system, and taskq's version.
    cpu: str = ""
    system: str = ""
    taskq_version: str = ""

    def surroundings(self) -> dict[str, object]:
        """What it ran in, the same for all tasks of a process; what is not known is left out."""
        found: dict[str, object] = {
            "julia_version": self.julia_version, "julia_flags": self.julia_flags, "threads": self.threads,
            "blas": self.blas and self.blas.name, "blas_threads": self.blas and self.blas.threads,
            "cpu": self.cpu, "cpu_target": self.cpu_target, "system": self.system, "host": self.host,
            "runner": self.runner, "taskq_version": self.taskq_version,
        }  # fmt: skip
        return {name: value for name, value in found.items() if value not in (None, "")}


class OutcomeMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an attempt ended, on its way from the worker to the sink.

    `attempt` is the fence: the service refuses the outcome of an attempt that no longer
    holds the task.
    """

    schema: int
    id: TaskId
    attempt: Count
    worker: str
    name: str
    status: TaskStatus
    started_at: float
    finished_at: float
    #: How long the code itself ran, in seconds, by the worker's monotonic clock.
    seconds: float
    arguments: msgspec.Raw = NO_ARGUMENTS
    value: ValueInfo | None = None
    error: ErrorInfo | None = None
    #: False where a repetition cannot end differently (the code does not parse).
    retryable: bool = True
    #: Its process was ended from outside, by neither taskq nor its own limits: an attempt that was lost, not one
    #: that failed. The task is tried again as if it had lost its worker.
    lost: bool = False
    #: What its code said last about how far it is, from 0 to 1; None: nothing.
    progress: float | None = None
    progress_message: str = ""
    #: What the task printed since the last heartbeat.
    logs: list[LogChunk] = []
    #: What it has reported as series of numbers: by name, an object with ``count``, ``steps``, ``values``.
    series: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    timing: Timing | None = None
    #: Files of the task's folder, which the worker has uploaded.
    files: list[KeptFile] = []
    provenance: Provenance


#: An outcome's fields, as JSON.
Fields = dict[str, msgspec.Raw]
#: How an outcome of a version becomes one of the next. An outcome is made once, and may have been
#: kept, and not told, when the release changed. Who raises `SCHEMA` adds an entry for what it was.
OUTCOME_UPGRADES: dict[int, Callable[[Fields], Fields]] = {}

Message = TypeVar("Message", TaskMessage, OutcomeMessage)

_encoder = msgspec.json.Encoder()
_decoders = {kind: msgspec.json.Decoder(kind) for kind in (TaskMessage, OutcomeMessage)}
#: What reading JSON raises; the last one where it is nested too deeply.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_envelope = msgspec.json.Decoder(dict[str, msgspec.Raw])


def encode(message: TaskMessage | OutcomeMessage) -> bytes:
    """The message as it travels: UTF-8 JSON."""
    return _encoder.encode(message)


def decode(kind: type[Message], body: bytes) -> Message:
    """Decode a message body.

    Parameters
    ----------
    kind : type
        `TaskMessage` or `OutcomeMessage`.
    body : bytes
        The message as it came from the broker.

    Raises
    ------
    MessageError
        If it is too long, not JSON, has another shape, or another schema version.
    """
    if len(body) > MAX_MESSAGE_BYTES:
        raise MessageError(f"{len(body)} bytes, more than the {MAX_MESSAGE_BYTES} that a message may have")
    try:
        fields = _envelope.decode(body)
        version = msgspec.json.decode(fields["schema"])
    except _UNREADABLE as error:
        raise MessageError(f"not a JSON object: {error}") from error
    except KeyError:
        raise MessageError("no schema version: the field 'schema' is missing") from None
    if kind is OutcomeMessage and isinstance(version, int) and version in OUTCOME_UPGRADES:
        body, version = _upgraded(fields, version)
    if version != SCHEMA:
        shown = repr(version)[:80]
        raise MessageError(f"schema version {shown}, and this release reads {SCHEMA} only: run one release everywhere")
    try:
        return _decoders[kind].decode(body)  # type: ignore[return-value]  # the dict is keyed by type
    except _UNREADABLE as error:
        raise MessageError(f"not a {kind.__name__}: {error}") from error


def unbundled(message: TaskMessage) -> list[TaskMessage]:
    """The tasks of a message, each with its code."""
    if not message.bundle:
        return [message]
    first = msgspec.structs.replace(message, bundle=[])
    return [first, *(msgspec.structs.replace(one, code=first.code, source=first.source) for one in message.bundle)]


def bundled(messages: Sequence[TaskMessage]) -> TaskMessage:
    """One message of several tasks of the same code."""
    first, *others = messages
    if not others:
        return first
    return msgspec.structs.replace(
        first, bundle=[msgspec.structs.replace(one, code="", source=None) for one in others]
    )


class _TaskName(msgspec.Struct, frozen=True):
    """As much of a task's message as says which task it is."""

    schema: int
    id: TaskId
    number: Size = 0


def named_task(body: bytes) -> TaskMessage | None:
    """The task that a message of this release is about, although the rest cannot be read.

    It has no code; None if not even its id can be read.
    """
    try:
        fields = msgspec.json.decode(body, type=_TaskName)
    except _UNREADABLE:
        return None
    if fields.schema != SCHEMA:
        return None
    return TaskMessage(
        schema=SCHEMA, id=fields.id, number=fields.number, name="a task that cannot be read", kind=TaskKind.SCRIPT,
        code="",
    )


class _OutcomeName(msgspec.Struct, frozen=True):
    """As much of an outcome as says which attempt it is about."""

    schema: int
    id: TaskId
    attempt: Count
    worker: str


def named_outcome(body: bytes, reason: str) -> OutcomeMessage | None:
    """That the attempt failed whose outcome cannot be read; None if not even that can be read."""
    try:
        fields = msgspec.json.decode(body, type=_OutcomeName)
    except _UNREADABLE:
        return None
    if fields.schema != SCHEMA:
        return None
    now = time.time()
    worker = fields.worker.replace("\0", "")
    return OutcomeMessage(
        schema=SCHEMA, id=fields.id, attempt=fields.attempt, worker=worker, name="", status=TaskStatus.FAILED,
        started_at=now, finished_at=now, seconds=0.0, retryable=False,
        error=ErrorInfo(name="UnreadableOutcome", message=f"the task ended, and its outcome cannot be read: {reason}"),
        provenance=Provenance(
            code_sha256="", julia_version="", host="", worker=worker, runner="", peak_memory_bytes=0,
        ),
    )


def _upgraded(fields: Fields, version: int) -> tuple[bytes, int]:
    """An older outcome as the newest version that is known, and that version."""
    while version in OUTCOME_UPGRADES:
        try:
            fields = OUTCOME_UPGRADES[version](fields)
        except (KeyError, TypeError, ValueError) as error:
            raise MessageError(f"an outcome of version {version} that is broken: {error!r}") from error
        version += 1
    return _encoder.encode(fields | {"schema": version}), version
