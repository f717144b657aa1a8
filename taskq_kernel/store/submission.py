"""What a new task must look like: values and checks, no I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NoReturn
from uuid import uuid4

import msgspec

from taskq_kernel import exact_json
from taskq_kernel.argument_names import check_argument_names, named_only
from taskq_kernel.broker.names import check_queue, session_of
from taskq_kernel.domain import DEFAULT_PRIORITY, PRIORITIES, TaskKind
from taskq_kernel.errors import InvalidJSON, InvalidTask
from taskq_kernel.file_patterns import check_patterns
from taskq_kernel.grid import read_design
from taskq_kernel.needs import check_gpus, check_threads, env_json
from taskq_kernel.project_manifest import is_project_id
from taskq_kernel.seeds import check_seed, draw_seed
from taskq_kernel.store.definitions import NewDefinition
from taskq_kernel.store.ids import canonical_uuid
from taskq_kernel.task_files import check_given, written

MAX_TASKS = 10_000
MAX_CODE_BYTES = 4 << 20
MAX_ENCODED_BYTES = 12 << 20
MAX_ARGUMENTS_BYTES = 1 << 20
MAX_NAME = 500
MAX_ENTRY = 200
MAX_ATTEMPTS = 100
MAX_COMMIT = 100
MIN_MEMORY_BYTES = 64 << 20
MAX_MEMORY_BYTES = 1 << 50
MAX_TIMEOUT_S = 366 * 86400.0
#: Where a name is made from the code, in characters.
NAME_FROM_CODE = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFor:
    """What a task asks for besides memory and time, as it is stored; and a batch for all of its tasks."""

    threads: int | None = None
    #: As JSON.
    env: str | None = None
    gpus: int | None = None
    #: What it is given in files, and which files of its folder are kept, as JSON; None where none are.
    input_files: str | None = None
    outputs: str | None = None
    #: The folder that it has at hand, by the SHA-256 of its manifest; and its git commit.
    project: str | None = None
    project_commit: str | None = None


@dataclass(frozen=True, slots=True)
class NewTask(AskedFor):
    """A checked task that is not stored yet."""

    id: str | None
    name: str
    kind: str
    code: str
    source: str
    entry: str | None
    arguments: str
    queue: str
    priority: int
    timeout_s: float | None
    memory_limit: int | None
    max_attempts: int
    batch: str | None
    #: None: one that follows from what it computes.
    seed: int | None
    #: The definition that it calls, which has the code and the entry.
    definition: str | None = None
    #: Ids of tasks that have to be finished first.
    after: Sequence[str] = ()
    #: Whether the value of an equal task may stand for a run.
    cache: bool = False
    #: The recipe that it is made of.
    recipe: str | None = None


@dataclass(frozen=True, slots=True)
class NewBatch(AskedFor):
    """A checked batch, or more points for one.

    Attributes
    ----------
    id : str
        A UUID of the client's own, for a batch that is not there.
    name : str
        Its name, by which it is found again among those of its owner.
    definition : str
        What its points call.
    design : str
        Its points, as `grid.read_design` gives them.
    seed : int or None
        What the seeds of its points follow from; None: the one it has, or, with a cache, what each
        point computes, or one that is drawn.
    resume : bool
        Whether what failed, was cancelled or is missing runs again.
    recipe : str or None
        The recipe that its points are made of.
    """

    id: str
    name: str
    definition: str
    design: str
    seed: int | None = None
    queue: str = "default"
    priority: int = 1
    timeout_s: float | None = None
    memory_limit: int | None = None
    max_attempts: int = 1
    cache: bool = False
    resume: bool = True
    recipe: str | None = None


def check_all(inputs: list[dict[str, Any]], field: str = "inputs") -> list[NewTask]:
    """Check what a client wants to submit.

    Raises
    ------
    InvalidTask
        If one cannot be a task. The message names its place, the field and the value.
    """
    if not inputs:
        raise InvalidTask("is empty: give at least one task", place=field)
    if len(inputs) > MAX_TASKS:
        raise InvalidTask(f"has {len(inputs)} tasks: give at most {MAX_TASKS} at once", place=field)
    return [check(item, f"{field}[{index}]", index) for index, item in enumerate(inputs)]


def check(given: Mapping[str, Any], where: str, index: int | None = None) -> NewTask:
    """Check one task, the ``index``-th of a list; ``where`` is how the message calls it."""
    try:
        return _checked(given)
    except InvalidTask as error:
        raise error.within(where, index) from None


def _checked(given: Mapping[str, Any]) -> NewTask:
    get = given.get
    definition = get("definition")
    code = _code(get("code") or "") if definition is None else _no_code(given)
    kind = TaskKind.CALL if definition is not None else get("kind") or TaskKind.SCRIPT
    priority = get("priority")
    queue = get("queue")
    attempts = get("max_attempts")
    cache = bool(get("cache"))
    return NewTask(
        id=_uuid(get("id"), "id"),
        name=_name(get("name"), code),
        kind=kind,
        code=code,
        source=sha256(code.encode()).hexdigest() if definition is None else "",
        entry=None if definition is not None else _entry(get("entry"), kind),
        arguments=_arguments(get("arguments"), kind),
        queue="default" if queue is None else check_queue(queue),
        priority=DEFAULT_PRIORITY if priority is None else _priority(priority),
        timeout_s=_timeout(get("timeout_seconds")),
        memory_limit=_memory(get("memory_limit")),
        max_attempts=1 if attempts is None else _attempts(attempts),
        batch=_uuid(get("batch"), "batch"),
        seed=_seed(get("seed"), cache),
        definition=definition,
        after=tuple(get("after") or ()),
        cache=cache,
        **_asked_for(given),
    )


def _asked_for(given: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of `AskedFor`."""
    get = given.get
    project, commit = get("project"), get("project_commit")
    return {
        "threads": check_threads(get("threads")), "env": env_json(get("env")), "gpus": check_gpus(get("gpus")),
        "input_files": _input_files(get("input_files")), "outputs": _outputs(get("outputs")),
        "project": _project(project),
        "project_commit": None if project is None or commit is None else _commit(commit),
    }


def check_definition(given: Mapping[str, Any], where: str) -> NewDefinition:
    """Check a definition; ``where`` is how the message calls it."""
    try:
        code = _code(given.get("code") or "")
        entry = _entry(given.get("entry"), TaskKind.CALL)
        name = _name(given.get("name") or entry, code)
    except InvalidTask as error:
        raise error.within(where) from None
    return NewDefinition(code=code, source=sha256(code.encode()).hexdigest(), entry=entry, name=name)


def check_batch(given: Mapping[str, Any], where: str) -> NewBatch:
    """Check a batch; ``where`` is how the message calls it."""
    try:
        return _checked_batch(given)
    except InvalidTask as error:
        raise error.within(where) from None


def _checked_batch(given: Mapping[str, Any]) -> NewBatch:
    get = given.get
    name = get("name") or ""
    if not name.strip():
        _refuse("name", "is empty: give a name")
    priority, attempts = get("priority"), get("max_attempts")
    return NewBatch(
        id=_uuid(get("id"), "id") or str(uuid4()), name=_name(name.strip(), ""), definition=str(get("definition")),
        design=read_design(get("design") or ""),
        seed=None if get("seed") is None else check_seed(get("seed")),
        queue=_queue_of_batch(get("queue") or "default"),
        priority=DEFAULT_PRIORITY if priority is None else _priority(priority),
        timeout_s=_timeout(get("timeout_seconds")), memory_limit=_memory(get("memory_limit")),
        max_attempts=1 if attempts is None else _attempts(attempts), cache=bool(get("cache")),
        resume=get("resume") is not False, **_asked_for(given),
    )


def _queue_of_batch(queue: str) -> str:
    if session_of(queue) is not None:
        _refuse("queue", f"is {queue!r}, a session's: points of a batch are no cells; give another queue")
    return check_queue(queue)


def _project(project: str | None) -> str | None:
    if project is not None and not is_project_id(project):
        _refuse("project", f"is {project[:80]!r}, which names no project: give what registerProject gave")
    return project


def _commit(commit: str) -> str:
    return _text(commit, "projectCommit")[:MAX_COMMIT].replace("\0", "")


def _refuse(field: str, problem: str) -> NoReturn:
    raise InvalidTask(problem, field)


def _text(text: str, field: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(field, "is not text: it holds half of a surrogate pair")
    return text


def _code(code: str) -> str:
    _text(code, "code")
    if not code.strip():
        _refuse("code", "is empty: give some Julia code")
    raw = code.encode()
    if len(raw) > MAX_CODE_BYTES:
        _refuse("code", f"has {len(raw)} bytes, more than the {MAX_CODE_BYTES} allowed")
    # Each of these takes six bytes in a message, and a message of more than 16 MiB goes nowhere.
    if 6 * len(raw) > MAX_ENCODED_BYTES and (size := len(exact_json.encode(code))) > MAX_ENCODED_BYTES:
        _refuse("code", f"has {size} bytes as JSON, more than the {MAX_ENCODED_BYTES} allowed: it holds "
                        "many control characters")  # fmt: skip
    return code


def _no_code(given: Mapping[str, Any]) -> str:
    for field in ("code", "entry"):
        if given.get(field) is not None:
            _refuse(field, "is given beside definition, which has one: give one of them")
    return ""


def _name(name: str | None, code: str) -> str:
    if name is None or not name.strip():
        line = next((line for line in code.splitlines() if line.strip()), "").strip()
        if not code:
            return ""
        return line.replace("\0", "")[:NAME_FROM_CODE] or "task"
    _text(name, "name")
    if "\0" in name:
        _refuse("name", f"{name[:80]!r} holds a NUL character")
    if len(name) > MAX_NAME:
        _refuse("name", f"has {len(name)} characters, more than the {MAX_NAME} allowed")
    return name


def _entry(entry: str | None, kind: Any) -> str | None:
    if entry is None:
        return None
    _text(entry, "entry")
    if kind != TaskKind.CALL:
        _refuse("entry", f"is {entry[:80]!r}: only a task of kind CALL has an entry")
    if not entry.strip() or "\0" in entry or len(entry) > MAX_ENTRY:
        _refuse("entry", f"is {entry[:80]!r}: give the name of a function")
    return entry


def _arguments(arguments: Any, kind: Any) -> str:
    if arguments is None:
        return "{}"
    if not isinstance(arguments, dict):
        _refuse("arguments", f"is {type(arguments).__name__} {str(arguments)[:80]!r}: give an object")
    check_argument_names(named_only(arguments) if kind == TaskKind.CALL else arguments)
    try:
        text = exact_json.encode(arguments)
        exact_json.check_depth(arguments, text)
    except (InvalidJSON, msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        _refuse("arguments", f"cannot be written as JSON: {error}")
    if len(text) > MAX_ARGUMENTS_BYTES:
        _refuse("arguments", f"has {len(text)} bytes as JSON, more than the {MAX_ARGUMENTS_BYTES} allowed")
    return text.decode()


def _priority(priority: int) -> int:
    if priority not in PRIORITIES:
        _refuse("priority", f"is {priority}: give 0 (low), 1 (normal) or 2 (high)")
    return priority


def _timeout(seconds: float | None) -> float | None:
    if seconds is None:
        return None
    if not math.isfinite(seconds) or not 0 < seconds <= MAX_TIMEOUT_S:
        _refuse("timeoutSeconds", f"is {seconds}: give more than 0 and at most {MAX_TIMEOUT_S:.0f} seconds")
    return float(seconds)


def _memory(limit: int | None) -> int | None:
    if limit is not None and not MIN_MEMORY_BYTES <= limit <= MAX_MEMORY_BYTES:
        _refuse("memoryLimit", f"is {limit}: give a number of bytes from {MIN_MEMORY_BYTES} (64 MiB) on")
    return limit


def _seed(seed: int | None, cache: bool) -> int | None:
    if seed is not None:
        return check_seed(seed)
    return None if cache else draw_seed()


def _attempts(attempts: int) -> int:
    if not 1 <= attempts <= MAX_ATTEMPTS:
        _refuse("maxAttempts", f"is {attempts}: give 1 to {MAX_ATTEMPTS}")
    return attempts


def _input_files(given: Any) -> str | None:
    return None if given is None else written(check_given(given, "inputFiles"))


def _outputs(given: Any) -> str | None:
    patterns = check_patterns(given, "outputs")
    return msgspec.json.encode(patterns).decode() if patterns else None


def _uuid(text: str | None, field: str) -> str | None:
    return None if text is None else canonical_uuid(text, field)
