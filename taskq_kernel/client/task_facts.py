"""What is known of a task: its fields, with Python's types, as the service has them now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar

from taskq_kernel.client import operations
from taskq_kernel.client.session import Session
from taskq_kernel.client.task_cache import FIXED, Entry
from taskq_kernel.domain import FINAL, TaskKind, TaskStatus, ValueKind
from taskq_kernel.errors import TaskDeleted

T = TypeVar("T")


@dataclass(frozen=True)
class TaskError:
    """Why a task failed.

    Attributes
    ----------
    name : str
        The Julia exception's name, such as ``DomainError``, or taskq's own reason.
    message : str
        The exception's message.
    stacktrace : str
        Julia's stack trace, the user's lines first; empty where there is none.
    line : int or None
        The line of the task's code at fault, from 1, where it is known.
    """

    name: str
    message: str
    stacktrace: str
    line: int | None

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


class TaskFacts:
    """The fields of one task; `taskq_kernel.client.task.Task` adds what can be done with it.

    Parameters
    ----------
    client : Session
        The service that has it.
    entry : Entry
        What was last heard of it; looking there asks nobody.
    """

    def __init__(self, client: Session, entry: Entry) -> None:
        self._client = client
        self.entry = entry
        self._value: Any = None
        self._value_version: int | None = None

    def __str__(self) -> str:
        return f"{self.number} ({self.name})"

    # -- what never changes --------------------------------------------------------------

    @property
    def id(self) -> str:
        """Its UUID."""
        return self.entry.id

    @property
    def number(self) -> int:
        """Its short number, for people."""
        return int(self.entry.row["number"])

    @property
    def name(self) -> str:
        """What its owner calls it."""
        return str(self.entry.row["name"])

    @property
    def kind(self) -> TaskKind:
        """How its code is run."""
        return TaskKind(self.field("kind"))

    @property
    def code(self) -> str:
        """Its Julia code."""
        return str(self.field("code"))

    @property
    def arguments(self) -> dict[str, Any]:
        """Its arguments."""
        from taskq_kernel.values import decode

        return dict(decode(ValueKind.JSON, {"": self.field("arguments")})[""])

    @property
    def queue(self) -> str:
        """The queue it waits in."""
        return str(self.field("queue"))

    @property
    def priority(self) -> int:
        """0 low, 1 normal, 2 high."""
        return int(self.field("priority"))

    @property
    def timeout(self) -> float | None:
        """How long it may run, in seconds."""
        return _optional(float, self.field("timeoutSeconds"))

    @property
    def memory_limit(self) -> int | None:
        """How much resident memory it may use, in bytes."""
        return _optional(int, self.field("memoryLimit"))

    @property
    def threads(self) -> int | None:
        """How many threads Julia has in it; None where it asked for nothing, and has one."""
        return _optional(int, self.field("threads"))

    @property
    def env(self) -> dict[str, str]:
        """The environment variables that it was submitted with."""
        return dict(self.field("env") or {})

    @property
    def gpus(self) -> int | None:
        """How many devices it has to itself; None where it asked for nothing, and has none."""
        return _optional(int, self.field("gpus"))

    @property
    def max_attempts(self) -> int:
        """How many of its runs may fail before it is FAILED."""
        return int(self.field("maxAttempts"))

    @property
    def repeats(self) -> int | None:
        """The number of the finished task that it runs again, if it does."""
        return _optional(int, self.field("repeats"))

    @property
    def seed(self) -> int | None:
        """What its random numbers start from, in each attempt; None where it finished before seeds were kept."""
        return _optional(int, self.field("seed"))

    @property
    def cache(self) -> bool:
        """Whether the value of an equal task may stand for a run of it, and its own for one of others."""
        return bool(self.field("cache"))

    @property
    def cached_from(self) -> int | None:
        """The number of the task that computed its value; None where it ran itself (or is to)."""
        return _optional(int, self._now("cachedFrom"))

    @property
    def project(self) -> str | None:
        """The project that it has at hand, by the SHA-256 of its manifest; None where it has none."""
        return _optional(str, self.field("project"))

    @property
    def project_commit(self) -> str | None:
        """The git commit of its project, with ``-dirty`` behind it where files had changed; None without git."""
        return _optional(str, self.field("projectCommit"))

    @property
    def manifest_sha256(self) -> str | None:
        """SHA-256 of the Manifest.toml that its last attempt had, of its project or of its worker; None: none."""
        return _optional(str, self._now("manifestSha256"))

    @property
    def environment(self) -> str | None:
        """What its latest attempt ran in: Julia's version, and which packages."""
        return _optional(str, self._now("environment"))

    @property
    def surroundings(self) -> dict[str, Any]:
        """What it ran in, as it told at its end; empty where that is not known. It is asked for each time.

        `provenance` has it for people.
        """
        return dict(operations.get(self._client.transport, self.id, "surroundings")["surroundings"] or {})

    @property
    def peak_memory(self) -> int | None:
        """The most resident memory of its process so far, in bytes."""
        return _optional(int, self._now("peakMemory"))

    @property
    def avoid(self) -> str | None:
        """The worker that does not run it while another serves its queue."""
        return _optional(str, self.field("avoid"))

    @property
    def owner(self) -> str:
        """Who submitted it."""
        return str(self.field("owner"))

    @property
    def batch(self) -> str | None:
        """The id of the batch it was submitted with."""
        return _optional(str, self.field("batch"))

    @property
    def definition(self) -> str | None:
        """The id of the definition that it calls, if it does."""
        return _optional(str, self.field("definition"))

    @property
    def recipe(self) -> str | None:
        """The name of the recipe that it was made of, if it was."""
        return _optional(str, self.field("recipe"))

    @property
    def point(self) -> int | None:
        """Its place among the points of its batch, from 0, where that has points."""
        return _optional(int, self.field("point"))

    @property
    def created_at(self) -> datetime:
        """When it was submitted, in UTC."""
        return datetime.fromisoformat(self.field("createdAt"))

    @property
    def input_files(self) -> dict[str, int]:
        """The files that it is given, by their names in its folder, with their lengths in bytes."""
        return {name: int(file["size"]) for name, file in (self.field("inputFiles") or {}).items()}

    @property
    def outputs(self) -> list[str]:
        """Patterns of the files of its folder that are kept."""
        return list(self.field("outputs") or ())

    def as_argument(self) -> dict[str, str]:
        """What stands for its value among the arguments of another task."""
        return {"$task": self.id}

    # -- what changes --------------------------------------------------------------------

    @property
    def status(self) -> TaskStatus:
        """Where it stands; where it stood last, if it was deleted."""
        return TaskStatus(self._now("status"))

    @property
    def done(self) -> bool:
        """Whether it is FINISHED, FAILED, CANCELLED or deleted."""
        return self.status in FINAL or self.entry.deleted

    @property
    def deleted(self) -> bool:
        """Whether it was deleted."""
        self._now("status")
        return self.entry.deleted

    @property
    def attempt(self) -> int:
        """Its latest attempt; 0 until a worker has taken it."""
        return int(self._now("attempt"))

    @property
    def progress(self) -> float | None:
        """How far it is, from 0 to 1, as its code says with ``progress``."""
        return _optional(float, self._now("progress"))

    @property
    def progress_message(self) -> str | None:
        """What its code says about its progress."""
        return _optional(str, self._now("progressMessage"))

    @property
    def value(self) -> Any:
        """Its value, see `taskq_kernel.values`; None while it has none.

        A large value is fetched when it is first asked for.
        """
        return self._decoded() if self._now("valueKind") is not None else None

    @property
    def value_type(self) -> str | None:
        """Julia's type of its value."""
        return _optional(str, self._now("valueType"))

    @property
    def value_note(self) -> str:
        """What was left out of its value or converted; empty if nothing was."""
        return self._now("valueNote") or ""

    @property
    def error(self) -> TaskError | None:
        """Why it failed, or why its last attempt did."""
        return _optional(lambda error: TaskError(**error), self._now("error"))

    @property
    def worker(self) -> str | None:
        """The name of the worker that runs or ran it."""
        return _optional(str, self._now("worker"))

    @property
    def seconds(self) -> float | None:
        """How long its code ran, in seconds."""
        return _optional(float, self._now("seconds"))

    @property
    def lost(self) -> int:
        """How often it was lost, with its worker or with its Julia process."""
        return int(self._now("lost"))

    @property
    def started_at(self) -> datetime | None:
        """When its latest attempt started, in UTC."""
        return _optional(datetime.fromisoformat, self._now("startedAt"))

    @property
    def finished_at(self) -> datetime | None:
        """When it ended, in UTC."""
        return _optional(datetime.fromisoformat, self._now("finishedAt"))

    # -- reading it ---------------------------------------------------------------------------

    def refresh(self) -> Self:
        """Read it from the service, whatever the live feed says.

        Raises
        ------
        TaskDeleted
            If it is gone.
        """
        self._client.cache.refresh([self.entry])
        if self.entry.deleted:
            raise TaskDeleted(f"task {self} was deleted or pruned")
        return self

    def field(self, name: str) -> Any:
        """A field by its name in GraphQL, as it was last heard of; read where nothing has said it."""
        if name not in self.entry.row and not self.entry.deleted:
            if name in FIXED:  # the feed does not tell it
                self._client.cache.put([operations.get(self._client.transport, self.id)])
            else:
                self.refresh()
        return self.entry.row.get(name)

    def _now(self, name: str) -> Any:
        """A field that changes, as it is now."""
        if not self.entry.deleted:
            self._client.cache.freshen([self.entry])
        return self.field(name)

    def _decoded(self) -> Any:
        row = self.entry.row
        if self._value_version != row["version"]:
            self._value = decoded(self._client, row)
            self._value_version = row["version"]
        return self._value


def decoded(client: Session, row: Mapping[str, Any]) -> Any:
    """The value of a task's row, fetched where it is kept apart."""
    from taskq_kernel.values import decode

    kind, julia_type = row.get("valueKind") or ValueKind.JSON, row.get("valueType") or ""
    if row.get("valueRef"):
        # late: a small value does without
        from taskq_kernel.value_files import decode_file

        return decode_file(kind, client.transport.get_blob(row["valueRef"]), julia_type)
    return decode(kind, row.get("value"), julia_type)


def _optional(kind: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else kind(value)
