"""What a slot is given, and what it reports back: values only, no I/O."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from taskq_kernel.domain import TaskKind, TaskStatus
from taskq_kernel.messages import Blas, ErrorInfo, Timing, ValueInfo
from taskq_kernel.seeds import draw_seed
from taskq_kernel.task_files import KeptFile
from taskq_worker import task_errors
from taskq_worker.julia.prepared_project import PreparedProject
from taskq_worker.slots.kept_files import LeftFolder


@dataclass(frozen=True)
class Job:
    """One attempt of a task, as the supervisor hands it to a slot."""

    task_id: str
    attempt: int
    name: str
    kind: TaskKind
    code: str
    #: As JSON that is to be checked, or as what it is.
    arguments: Mapping[str, Any] | msgspec.Raw = field(default_factory=dict)
    #: Files of values among the arguments, by the SHA-256 that stands there (`taskq_kernel.passed_values`).
    passed: Mapping[str, Path] = field(default_factory=dict)
    #: Files that are to be in its folder, by their names there.
    files: Mapping[str, Path] = field(default_factory=dict)
    #: Patterns of the files that are kept of its folder.
    outputs: Sequence[str] = ()
    #: The function to call (``CALL`` only); None: the last that the definition defines.
    entry: str | None = None
    #: What Julia's generator of random numbers is seeded with.
    seed: int = field(default_factory=draw_seed)
    timeout_s: float | None = None
    #: Limit on resident memory, all processes of the task together; None: the slot's own.
    memory_limit_bytes: int | None = None
    #: Threads of Julia, and environment variables that its process is started with.
    threads: int = 1
    variables: tuple[tuple[str, str], ...] = ()
    #: The project that it has at hand.
    project: PreparedProject | None = None
    #: Why it cannot be run at all: its message could not be read.
    refused: str | None = None
    #: What stack traces call it, where it is a cell of a session: it shares its process's Main with
    #: the cells before, and the process is kept whatever it leaves there.
    cell: str | None = None
    #: Whether what it displays is wanted as more than text; of cells alone.
    displays: bool = False
    #: The process that has the session's module: a cell runs there or nowhere.
    process: int | None = None

    @property
    def code_sha256(self) -> str:
        """SHA-256 of the code as UTF-8, in hexadecimal."""
        return sha256_of(self.code)


@functools.lru_cache(maxsize=64)
def sha256_of(code: str) -> str:
    """SHA-256 of code as UTF-8, in hexadecimal."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def check_code(code: str) -> ErrorInfo | None:
    """Why code cannot be given to Julia at all; None if it can."""
    if not code.strip():
        return task_errors.invalid_source("the code is empty; write at least one expression")
    try:
        code.encode()
    except UnicodeEncodeError as error:
        line = code.count("\n", 0, error.start) + 1
        return task_errors.invalid_source(
            f"the code holds half of a character (U+{ord(code[error.start]):04X}) in line {line}, which is "
            "not valid Unicode; write the character anew",
            line,
        )
    return None


@dataclass(frozen=True)
class Report:
    """How an attempt ended."""

    #: ``FINISHED`` or ``FAILED``.
    status: TaskStatus
    #: The value, its JSON inline whatever its size; None when the attempt failed.
    value: ValueInfo | None
    error: ErrorInfo | None
    #: False where a repetition cannot end differently.
    retryable: bool
    #: When the code was handed to Julia and when its end was known, in seconds since 1970.
    started_at: float
    finished_at: float
    #: How long the code itself ran, by Julia's clock where it could tell.
    seconds: float
    #: The most resident memory seen, all processes of the task together.
    peak_memory_bytes: int
    julia_version: str
    #: What it has reported as series of numbers, as JSON; None if nothing.
    series: msgspec.Raw | None = None
    #: Where its time went; None where Julia could not tell.
    timing: Timing | None = None
    #: Its process was ended from outside: the attempt is FAILED here, and counts as lost.
    lost: bool = False
    #: What the value is in, where it is too large for a frame.
    file: BinaryIO | None = None
    #: The folder that it has worked in, where files of it are kept.
    folder: LeftFolder | None = None
    #: Those files, once they are uploaded.
    kept: Sequence[KeptFile] = ()
    #: The project that it had at hand.
    project: PreparedProject | None = None
    #: The kind of process that it ran in; empty where it has not run.
    runner: str = ""
    #: Julia's options there that decide what it computes, for which processor it compiled, and its threads.
    julia_flags: str = ""
    cpu_target: str = ""
    julia_threads: int | None = None
    #: The linear algebra that it ended with; None where none was loaded.
    blas: Blas | None = None
