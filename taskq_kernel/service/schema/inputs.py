"""GraphQL types that are written.

Their values arrive in the resolvers as plain dictionaries: with thousands of tasks in one
request, an object for each would cost more than storing them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import graphene
from graphene import Boolean, Float, InputField, Int, List, NonNull, String

from taskq_kernel.service.schema.enums import Comparison, Direction, TaskOrderField, TaskStatus, ValueKind
from taskq_kernel.service.schema.scalars import JSON, BigInt, DateTime
from taskq_kernel.service.schema.types import field_type
from taskq_kernel.task_fields import SHARED_FIELDS, TASK_FIELDS, TaskField


def _declared(fields: Iterable[TaskField], whose: str = "") -> Any:
    """A base class with what a submission gives of a task; ``whose`` stands before the descriptions."""
    return type("Declared", (), {
        field.name: InputField(
            field_type(field), required=field.given.required, description=whose + field.given.description,
            **({} if field.given.default is None else {"default_value": field.given.default}),
        )
        for field in fields if field.given is not None
    })


_GivenFields: Any = _declared(TASK_FIELDS)


class TaskInput(_GivenFields, graphene.InputObjectType):
    """A task to be submitted."""

    class Meta:
        container = dict

    after = List(NonNull(graphene.ID), description=(
        "Tasks that have to be finished first, by UUID or number. One that stands among the arguments as "
        "{\"$task\": \"<uuid>\"} has to be as well, and its value takes that place."
    ))


class DefinitionInput(graphene.InputObjectType):
    """Code with a function that tasks call."""

    class Meta:
        container = dict

    code = String(required=True, description="Its Julia code, up to 4 MiB.")
    entry = String(description="The function to call; by default what the code ends with, or its last function.")
    name = String(description="What to call it; by default the entry, or the first line of its code.")


_SharedFields: Any = _declared(SHARED_FIELDS, "Of each of its points: ")


class BatchInput(_SharedFields, graphene.InputObjectType):
    """A definition and its points."""

    class Meta:
        container = dict

    id = graphene.ID(description="A UUID of the client's own, for a batch whose name is new.")
    name = String(required=True, description="Its name; one that is there gets the points that are new, and resumes.")
    definition = graphene.ID(required=True, description="What its points call.")
    design = String(required=True, description=(
        "Its points, as JSON: {\"columns\": {name: [value, ...], ...}} with one point a row, or {\"axes\": ...} for "
        "all combinations, the last axis fastest. \"1\", \"2\" and so on go by position."
    ))
    seed = BigInt(description=(
        "What the points' seeds follow from; by default drawn, or, with cache, what each point computes."
    ))
    resume = Boolean(default_value=True, description=(
        "Whether points that failed, were cancelled or are missing run again, where the batch is there."
    ))


class RecipeInput(graphene.InputObjectType):
    """A recipe and what is set of it."""

    class Meta:
        container = dict

    id = graphene.ID(description="A UUID of the client's own for the task; sending it again returns the same task.")
    recipe = String(required=True, description="The recipe's name.")
    arguments = JSON(description="Its parameters by name, an object; those that are not given have their defaults.")
    name = String(description="What to call the task; by default the recipe with what was given.")
    seed = BigInt(description="What its random numbers start from, 0 to 2^53 - 1; by default one that is drawn.")
    cache = Boolean(default_value=False, description=(
        "Whether the value of an equal task that has finished may stand for a run. Without a seed, it has one that "
        "follows from what it computes."
    ))


class RecipeSweepInput(graphene.InputObjectType):
    """A recipe and its points."""

    class Meta:
        container = dict

    id = graphene.ID(description="A UUID of the client's own, for a batch whose name is new.")
    recipe = String(required=True, description="The recipe's name.")
    name = String(required=True, description="The batch's name, as in submitBatch.")
    design = String(required=True, description=(
        "Its points, as in submitBatch; parameters that do not stand in it have their defaults."
    ))
    seed = BigInt(description="What the points' seeds follow from, as in submitBatch.")
    cache = Boolean(default_value=False, description="As in submitRecipe, for each of its points.")
    resume = Boolean(default_value=True, description="As in submitBatch.")


class RecipeFileInput(graphene.InputObjectType):
    """A recipe to be registered."""

    class Meta:
        container = dict

    name = String(required=True, description="Its name: a letter, then letters, digits, '_' and '-'.")
    code = String(required=True, description="Its file: Julia code with parameters, shown, a docstring, a function.")
    project = graphene.ID(description="The project that its tasks have at hand, as registerProject gave it.")
    project_commit = String(description="The git commit of its project, with -dirty where files have changed.")
    once = Boolean(default_value=False, description=(
        "Whether nothing is done where this very code was registered under this name before: a recipe that was "
        "removed, or replaced, stays so."
    ))


class ArgumentCondition(graphene.InputObjectType):
    """A condition on one argument of a task. Numbers are compared by value, texts by their characters.

    Anything else can be equal or not: where it has the same JSON. A task without the argument fulfils none.
    """

    class Meta:
        container = dict

    name = String(required=True, description="The argument; \"1\", \"2\" and so on go by position.")
    comparison = InputField(Comparison, required=True, default_value="EQ", description="How it stands to the value.")
    value = JSON(description="The value: 200 finds 200 and 200.0, and \"200\" the text alone.")


class TaskFilter(graphene.InputObjectType):
    """Which tasks are meant: those for which all that is given holds."""

    class Meta:
        container = dict

    ids = List(NonNull(graphene.ID), description="One of these, by UUID or number.")
    status = List(NonNull(TaskStatus), description="With one of these statuses.")
    name = String(description="With this in the name, whatever the case.")
    search = String(description="With this in the name or the code, whatever the case; or with this number.")
    batch = graphene.ID(description="Of this batch.")
    definition = graphene.ID(description="That call this definition.")
    recipe = String(description="Made of the recipe of this name.")
    points = List(NonNull(Int), description="At one of these places among the points of its batch.")
    is_point = Boolean(description="Whether it is a point of a batch.")
    changed_after = BigInt(description="Changed after this version.")
    owner = String(description="Of this owner.")
    queue = String(description="In this queue.")
    worker = String(description="At the worker of this name.")
    arguments = List(
        NonNull(ArgumentCondition),
        description=(
            "With arguments that fulfil all of these. An argument that stands for the value of another task "
            "fulfils none until that is there, and neither does a point of which no task was made yet."
        ),
    )
    created_after = DateTime(description="Submitted at this time or later.")
    created_before = DateTime(description="Submitted before this time.")
    finished_after = DateTime(description="Ended at this time or later.")
    finished_before = DateTime(description="Ended before this time.")


class TaskOrder(graphene.InputObjectType):
    """What to order tasks by: a field, or an argument. Those without a value come last."""

    class Meta:
        container = dict

    field = InputField(TaskOrderField, description="The field.")
    argument = String(description=(
        "The argument, alone, where at most 100,000 tasks match: numbers first, by value, then texts, then "
        "anything else."
    ))
    direction = InputField(Direction, required=True, default_value="ASC", description="The direction.")


class WorkerInput(graphene.InputObjectType):
    """What a worker says about itself."""

    class Meta:
        container = dict

    id = graphene.ID(description="Its former id, when it comes back.")
    name = String(required=True, description="Its name.")
    host = String(required=True, description="The machine it runs on.")
    pid = Int(required=True, description="Its process there.")
    runner = String(required=True, description="The kind of its Julia processes.")
    julia_version = String(required=True, description="Their version of Julia.")
    queues = List(NonNull(String), required=True, description="The queues it serves.")
    slots = Int(required=True, description="How many tasks it can run at once.")
    cores = Int(description="How many cores its tasks share; by default as many as it has slots.")
    gpus = Int(description="How many devices its tasks can ask for; by default none.")
    memory = BigInt(description="How much memory its tasks share, in bytes; by default nobody counts it.")
    julias = List(NonNull(String), description=(
        "The versions of Julia that projects can have, such as 1.11.3; by default its own."
    ))
    manifest = String(description="SHA-256 of the manifest of its Julia project; absent where it has none.")
    bundles = Boolean(description="Whether it reads messages of several tasks; by default it does not.")
    grants = Int(description=(
        "How many of its slots can be given tasks in a queue of its own, which it has not asked for; by default none."
    ))


class TaskAttempt(graphene.InputObjectType):
    """One attempt of a task."""

    class Meta:
        container = dict

    id = graphene.ID(required=True, description="The task.")
    attempt = Int(required=True, description="The attempt.")


class HeldTask(graphene.InputObjectType):
    """A task that a worker holds."""

    class Meta:
        container = dict

    id = graphene.ID(required=True, description="The task.")
    attempt = Int(required=True, description="The attempt that it holds.")
    progress = Float(description="How far it is, from 0 to 1.")
    progress_message = String(description="What its code says about that.")
    series = JSON(description="What it has reported as series of numbers.")
    done = Boolean(default_value=False, description="Its outcome is published and not known to be settled.")


class LogInput(graphene.InputObjectType):
    """Some of what a task printed."""

    class Meta:
        container = dict

    id = graphene.ID(required=True, description="The task.")
    attempt = Int(required=True, description="The attempt.")
    seq = Int(required=True, description="Its place among the chunks of its attempt.")
    stream = String(required=True, description="stdout, stderr or display.")
    text = String(required=True, description="The text.")


class ValueInput(graphene.InputObjectType):
    """A task's value."""

    class Meta:
        container = dict

    kind = InputField(ValueKind, required=True, description="What it is made of.")
    type = String(required=True, description="Julia's type of it.")
    text = String(required=True, description="A short text for a table cell.")
    data = JSON(description="The value; absent where ref says where it is.")
    ref = String(description="SHA-256 of the uploaded JSON.")
    size = BigInt(default_value=0, description="The length of its JSON, in bytes.")
    note = String(default_value="", description="What was left out or converted.")


class ErrorInput(graphene.InputObjectType):
    """Why an attempt failed."""

    class Meta:
        container = dict

    name = String(required=True, description="The exception's name.")
    message = String(required=True, description="Its message.")
    stacktrace = String(default_value="", description="Julia's stack trace.")
    line = Int(description="The line of the task's code at fault.")


class ChunkInput(graphene.InputObjectType):
    """Some of what an attempt printed at its end."""

    class Meta:
        container = dict

    seq = Int(required=True, description="Its place among the chunks of its attempt.")
    stream = String(required=True, description="stdout, stderr or display.")
    text = String(required=True, description="The text.")


class FileInput(graphene.InputObjectType):
    """A file of a task's folder that was uploaded."""

    class Meta:
        container = dict

    name = String(required=True, description="Its path within the folder.")
    ref = String(required=True, description="SHA-256 of what is in it.")
    size = BigInt(required=True, description="Its length, in bytes.")


class OutcomeInput(graphene.InputObjectType):
    """How an attempt ended."""

    class Meta:
        container = dict

    id = graphene.ID(required=True, description="The task.")
    attempt = Int(required=True, description="The attempt, the fence.")
    worker = String(required=True, description="The worker that ran it, its id or its name.")
    status = InputField(TaskStatus, required=True, description="FINISHED or FAILED.")
    started_at = Float(required=True, description="When it started, in epoch seconds.")
    finished_at = Float(required=True, description="When it ended, in epoch seconds.")
    seconds = Float(required=True, description="How long its code ran.")
    value = InputField(ValueInput, description="Its value, where it FINISHED.")
    error = InputField(ErrorInput, description="Why it FAILED.")
    retryable = Boolean(default_value=True, description="Whether another run could end differently.")
    lost = Boolean(default_value=False, description="Its process was ended from outside: it is lost, not failed.")
    progress = Float(description="How far its code said last that it is, from 0 to 1.")
    progress_message = String(description="What its code said about that.")
    logs = List(NonNull(ChunkInput), default_value=[], description="What it printed and did not report yet.")
    series = JSON(description="What it has reported as series of numbers.")
    timing = JSON(description="Where its time went.")
    surroundings = JSON(description="What it ran in: an object, the same for all tasks of a process.")
    peak_memory = BigInt(description="The most resident memory of its process so far, in bytes.")
    files = List(NonNull(FileInput), default_value=[], description="Files of its folder that are kept.")
    manifest_sha256 = String(description="SHA-256 of the Manifest.toml that it had.")
    manifest = String(description="What is in that, if it is not known yet.")


def required_list(kind: Any, description: str) -> Any:
    """An argument of the type ``[kind!]!``."""
    return List(NonNull(kind), required=True, description=description)


