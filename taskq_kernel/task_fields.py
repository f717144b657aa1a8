"""A task's fields, each in one place: what it is called and of which type, where it is stored, and who is told of it.

Everybody who handles whole tasks takes the fields from here: the columns that the store reads,
the GraphQL types and the writers of their rows, the client's selections, its cache and its
DataFrames, the columns and labels of the widgets. So a new field is a line of `TASK_FIELDS`,
and a column in `taskq_kernel.store.tables` with its migration.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, Flag, auto
from typing import Any


class Lifetime(Enum):
    """When a field changes."""

    #: Never: it is there from the submission on.
    FIXED = auto()
    #: With every transition or report of an attempt.
    LIVE = auto()
    #: With the outcome of an attempt; a retry clears it.
    OUTCOME = auto()


class Of(Flag):
    """Which short forms of a task have a field."""

    NONE = 0
    #: The row of a list.
    ROW = auto()
    #: An event of the live feed; fields that change are in it anyway.
    EVENT = auto()
    #: The answer to a submission: the service makes the field.
    ANSWER = auto()
    #: The widgets' table, which shows it as plain text in a column of its own.
    COLUMN = auto()


@dataclass(frozen=True, slots=True)
class Given:
    """How a field is given at a submission: a field of GraphQL's ``TaskInput``."""

    description: str
    default: Any = None
    required: bool = False
    #: Whether a task that repeats another has one of its own.
    own: bool = False
    #: Whether a batch gives it to all of its tasks.
    shared: bool = False


@dataclass(frozen=True, slots=True)
class TaskField:
    """One field of a task.

    Attributes
    ----------
    name : str
        Its name in Python; in GraphQL it is `graphql`.
    type : str
        Its type in GraphQL, ``!`` where it is never null.
    lifetime : Lifetime
        When it changes.
    description : str
        What it is, in GraphQL's schema.
    of : Of
        Which short forms of a task have it.
    column : str
        Where the store has it; by default a column of its name. Empty where it has columns for its `parts`.
    long : bool
        Whether it may be long: it is read only where it is asked for.
    late : bool
        Whether its column came after the long ones, so that it costs as much to read as these.
    apart : bool
        Whether it is told to whoever asks for it alone, and not with every change of the task.
    empty : object
        What it is in GraphQL where the store has nothing.
    dtype : str
        The kind of its column in a DataFrame (see `taskq_kernel.client.frame`); empty where it has none.
    label : str
        What people read above it.
    sortable : bool
        Whether lists can be ordered by it.
    given : Given or None
        How a submission gives it; None where it does not.
    parts : tuple of TaskField
        The fields of an object.
    """

    name: str
    type: str
    lifetime: Lifetime
    description: str
    of: Of = Of.NONE
    column: str | None = None
    long: bool = False
    late: bool = False
    apart: bool = False
    empty: Any = None
    dtype: str = ""
    label: str = ""
    sortable: bool = False
    given: Given | None = None
    parts: tuple[TaskField, ...] = ()

    @property
    def graphql(self) -> str:
        """Its name in GraphQL."""
        first, *others = self.name.split("_")
        return first + "".join(map(str.capitalize, others))

    @property
    def stored_as(self) -> tuple[str, ...]:
        """The columns that have it, or its parts."""
        return tuple(one.column or one.name for one in self.parts or (self,))


def select(fields: Iterable[TaskField], *, long: bool = True) -> str:
    """Fields as they are selected in a GraphQL operation; without ``long`` none of their parts that may be long."""
    return " ".join(_selection(field, long) for field in fields)


def _selection(field: TaskField, long: bool) -> str:
    if not field.parts:
        return field.graphql
    return f"{field.graphql} {{ {select(one for one in field.parts if long or not one.long)} }}"


_FIXED, _LIVE, _OUTCOME = Lifetime.FIXED, Lifetime.LIVE, Lifetime.OUTCOME
_ROW, _COLUMN, _EVENT, _ANSWER = Of.ROW, Of.ROW | Of.COLUMN, Of.ROW | Of.EVENT, Of.ROW | Of.EVENT | Of.ANSWER

#: Why a task failed.
ERROR_FIELDS = (
    TaskField("name", "String!", _OUTCOME, "The exception's name, such as DomainError.", column="error_name"),
    TaskField("message", "String!", _OUTCOME, "The exception's message.", column="error_message", empty=""),
    TaskField(
        "stacktrace", "String!", _OUTCOME, "Julia's stack trace; empty where there is none.",
        column="error_stacktrace", long=True, empty="",
    ),
    TaskField(
        "line", "Int", _OUTCOME, "The line of the task's code at fault, from 1, where it is known.",
        column="error_line",
    ),
)

#: All of a task's fields that are stored with it, in the order in which people see them.
TASK_FIELDS = (
    TaskField(
        "id", "ID!", _FIXED, "Its UUID.", _ANSWER, dtype="string",
        given=Given("A UUID of the client's own; sending it again returns the same task.", own=True),
    ),
    TaskField("number", "Int!", _FIXED, "Its short number, for people.", _ANSWER, label="Number", sortable=True),
    TaskField(
        "name", "String!", _FIXED, "What its owner calls it.", _ANSWER, dtype="string", label="Name", sortable=True,
        given=Given("Its name; by default the first line of its code."),
    ),
    TaskField(
        "kind", "TaskKind!", _FIXED, "How its code is run.", _ROW,
        given=Given("How its code is run.", default="SCRIPT"),
    ),
    TaskField(
        "code", "String!", _FIXED, "Its Julia code.", long=True, label="Code",
        given=Given("Its Julia code, up to 4 MiB; not beside definition."),
    ),
    TaskField(
        "definition", "ID", _FIXED, "The definition that it calls.", late=True,
        given=Given("The registered definition that it calls; its kind is CALL then."),
    ),
    TaskField(
        "entry", "String", _FIXED, "The function to call (kind CALL).",
        given=Given("The function to call (kind CALL)."),
    ),
    TaskField(
        "arguments", "JSON!", _FIXED, "Its arguments, an object.", long=True, empty={}, label="Arguments",
        given=Given(
            "Its arguments: an object of up to 1 MiB; by default {}. Of a call, \"1\", \"2\" and so on go by position."
        ),
    ),
    TaskField(
        "status", "TaskStatus!", _LIVE, "Where it stands.", _ANSWER, dtype="status", label="Status", sortable=True,
    ),
    TaskField(
        "progress", "Float", _LIVE, "How far it is, from 0 to 1, as its code says.", _ROW, dtype="float64",
        label="Progress",
    ),
    TaskField("progress_message", "String", _LIVE, "What its code says about its progress.", _ROW),
    TaskField(
        "value", "JSON", _OUTCOME, "Its value; null where it is too large to stand here (see valueRef).",
        column="value_json", long=True, dtype="value", label="Value",
    ),
    TaskField("value_kind", "ValueKind", _OUTCOME, "What its value is made of.", _ROW),
    TaskField("value_type", "String", _OUTCOME, "Julia's type of its value.", _ROW),
    TaskField("value_text", "String", _OUTCOME, "Its value as a short text.", _ROW, dtype="string"),
    TaskField("value_note", "String", _OUTCOME, "What was left out of its value or converted.", _ROW),
    TaskField("value_ref", "String", _OUTCOME, "Where its value is: GET /blobs/<valueRef>."),
    TaskField("value_size", "BigInt", _OUTCOME, "The length of its value as JSON, in bytes.", _ROW),
    TaskField(
        "error", "TaskError", _OUTCOME, "Why it failed, or why its last attempt did.", _ROW, column="",
        dtype="error", parts=ERROR_FIELDS,
    ),
    TaskField(
        "seconds", "Float", _OUTCOME, "How long its code ran, in seconds.", _ROW, dtype="float64", label="Duration",
        sortable=True,
    ),
    TaskField(
        "timing", "JSON", _OUTCOME,
        "Where its time went, in seconds: prepare_s, compile_s, gc_s, encode_s, and allocated_bytes; and ready_s, "
        "before all of it, where its project or a process was made ready for it.", late=True,
    ),
    TaskField(
        "seed", "BigInt", _FIXED,
        "What its random numbers start from, in each of its attempts; null where it finished before seeds were kept.",
        Of.ANSWER, late=True, dtype="Int64",
        given=Given("What its random numbers start from, 0 to 2^53 - 1; by default one that is drawn.", own=True),
    ),
    TaskField(
        "cache", "Boolean!", _FIXED, "Whether the value of an equal task may stand for a run of it.", late=True,
        empty=False,
        given=Given(
            "Whether the value of an equal task that has finished may stand for a run, and this one's for later ones. "
            "Without a seed, it has one that follows from what it computes.",
            default=False, shared=True,
        ),
    ),
    TaskField(
        "cached_from", "Int", _OUTCOME, "The number of the task that computed its value; null where it ran itself.",
        late=True, dtype="Int64",
    ),
    TaskField(
        "project", "ID", _FIXED, "The project that it has at hand: the SHA-256 of its manifest.", late=True,
        given=Given("The project that it has at hand, as registerProject gave it.", shared=True),
    ),
    TaskField(
        "project_commit", "String", _FIXED, "The git commit of its project, with -dirty where files had changed.",
        late=True, given=Given("The git commit of its project, with -dirty where files have changed.", shared=True),
    ),
    TaskField(
        "manifest_sha256", "String", _OUTCOME,
        "SHA-256 of the Manifest.toml that its last attempt had, of its project or of its worker; null: none.",
        late=True,
    ),
    TaskField(
        "environment", "String", _LIVE, "What its latest attempt ran in: Julia's version, and which packages.",
        late=True,
    ),
    TaskField(
        "surroundings", "JSON", _OUTCOME,
        "What it ran in, as it told at its end: Julia and its options, processor, linear algebra, threads, machine.",
        late=True, apart=True,
    ),
    TaskField(
        "peak_memory", "BigInt", _OUTCOME, "The most resident memory of its process so far, in bytes.", late=True,
    ),
    TaskField(
        "avoid", "String", _FIXED, "The worker that does not run it while another serves its queue.", late=True,
    ),
    TaskField(
        "worker", "String", _LIVE, "The name of the worker that runs or ran it.", _COLUMN, dtype="string",
        label="Worker",
    ),
    TaskField(
        "attempt", "Int!", _LIVE, "Its latest attempt; 0 until a worker has claimed it.", _ANSWER, dtype="int64",
        label="Attempt",
    ),
    TaskField(
        "lost", "Int!", _LIVE, "How often it was lost, with its worker or its Julia process.", _ROW, empty=0,
        dtype="int64",
    ),
    TaskField(
        "queue", "String!", _FIXED, "The queue it waits in.", _COLUMN, dtype="string", label="Queue", sortable=True,
        given=Given("Letters, digits, '_' and '-'.", default="default", shared=True),
    ),
    TaskField(
        "priority", "Int!", _FIXED, "0 low, 1 normal, 2 high.", _ROW, dtype="int64", label="Priority", sortable=True,
        given=Given("0 low, 1 normal, 2 high.", default=1, shared=True),
    ),
    TaskField(
        "timeout_seconds", "Float", _FIXED, "How long it may run, in seconds.", column="timeout_s", label="Timeout",
        given=Given("How long it may run, in seconds.", shared=True),
    ),
    TaskField(
        "memory_limit", "BigInt", _FIXED, "How much resident memory it may use, in bytes.", label="Memory limit",
        given=Given("How much resident memory it may use, in bytes; 64 MiB or more.", shared=True),
    ),
    TaskField(
        "threads", "Int", _FIXED, "How many threads Julia has in it, and so how many cores it takes; null: one.",
        late=True,
        given=Given(
            "How many threads Julia and its linear algebra have, 1 to 1024; by default one. It takes as many of a "
            "worker's cores.",
            shared=True,
        ),
    ),
    TaskField(
        "env", "JSON", _FIXED, "Environment variables that its process has besides the worker's, an object of texts.",
        late=True,
        given=Given(
            "Environment variables of its process: an object of texts, up to 100 of them and 32 KiB. Whoever sees "
            "the task sees them.",
            shared=True,
        ),
    ),
    TaskField(
        "gpus", "Int", _FIXED, "How many devices it has to itself; null: none.", late=True,
        given=Given("How many of a worker's devices it has to itself, 0 to 64; by default none.", shared=True),
    ),
    TaskField(
        "max_attempts", "Int!", _FIXED, "How many of its runs may fail before it is FAILED.", _ROW,
        given=Given("How many runs may fail before it is FAILED, 1 to 100.", default=1, shared=True),
    ),
    TaskField(
        "input_files", "JSON", _FIXED, "The files that it is given, by name: an object with a ref and a size each.",
        late=True,
        given=Given(
            "Files for its folder: by name, {\"ref\": SHA-256 of what was uploaded, \"size\": bytes}.", shared=True,
        ),
    ),
    TaskField(
        "outputs", "[String!]", _FIXED, "Patterns of the files of its folder that are kept; null: none are.", late=True,
        given=Given("Patterns of the files of its folder that are kept, such as *.csv or figures/.", shared=True),
    ),
    TaskField(
        "owner", "String!", _FIXED, "Who submitted it.", _ANSWER | Of.COLUMN, dtype="string", label="Owner",
        sortable=True,
    ),
    TaskField(
        "batch", "ID", _FIXED, "The batch it was submitted with.", _EVENT | Of.COLUMN, dtype="string", label="Batch",
        given=Given("A UUID for all tasks of one submission.", own=True),
    ),
    TaskField("point", "Int", _FIXED, "Its place among the points of its batch, from 0.", Of.EVENT, late=True),
    TaskField("recipe", "String", _FIXED, "The recipe that it was made of.", late=True),
    TaskField("repeats", "Int", _FIXED, "The number of the finished task that it runs again.", late=True),
    TaskField(
        "created_at", "DateTime!", _FIXED, "When it was submitted.", _ROW | Of.ANSWER, dtype="time", label="Created",
        sortable=True,
    ),
    TaskField(
        "started_at", "DateTime", _LIVE, "When its latest attempt started.", _ROW, dtype="time", label="Started",
        sortable=True,
    ),
    TaskField(
        "finished_at", "DateTime", _LIVE, "When it ended.", _ROW, dtype="time", label="Finished", sortable=True,
    ),
    TaskField("version", "BigInt!", _LIVE, "The version of its latest change.", _ANSWER, sortable=True),
)


def fields_of(form: Of) -> tuple[TaskField, ...]:
    """The fields that a short form of a task has."""
    return tuple(field for field in TASK_FIELDS if form in field.of)


#: What a batch gives to all of its tasks.
SHARED_FIELDS = tuple(field for field in TASK_FIELDS if field.given is not None and field.given.shared)


def field(name: str) -> TaskField:
    """The field of this name."""
    return next(one for one in TASK_FIELDS if one.name == name)
