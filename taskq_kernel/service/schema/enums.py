"""GraphQL enums: the words that the schema has for kinds and states, each with what it means."""

from __future__ import annotations

from typing import Any

import graphene

from taskq_kernel import argument_conditions, domain
from taskq_kernel.store.pages import ORDER_COLUMNS


def named_enum(name: str, description: str, values: dict[str, str]) -> Any:
    """A GraphQL enum with a description for each of its values."""
    return graphene.Enum(
        name, [(value, value) for value in values],
        description=lambda value: description if value is None else values[value.name],
    )


TaskStatus = named_enum("TaskStatus", "Where a task stands.", {
    domain.TaskStatus.QUEUEING: "It waits for a worker.",
    domain.TaskStatus.RUNNING: "A worker runs it.",
    domain.TaskStatus.FINISHED: "Its code returned a value.",
    domain.TaskStatus.FAILED: "Its code failed, or it was lost too often.",
    domain.TaskStatus.CANCELLED: "A user cancelled it.",
})
TaskKind = named_enum("TaskKind", "How a task's code is run.", {
    domain.TaskKind.SCRIPT: "In a fresh module; the last expression is the value.",
    domain.TaskKind.CALL: "Its entry function is called with the task's arguments.",
    domain.TaskKind.SESSION: "It holds a slot for cells: tasks in the queue `session-<its id>`, which share a module.",
})
ValueKind = named_enum("ValueKind", "What a value is made of.", {
    domain.ValueKind.JSON: "The value itself, as JSON.",
    domain.ValueKind.TABLE: "A table, by columns.",
    domain.ValueKind.ARRAY: "A large array of numbers, as a file in NumPy's format.",
    domain.ValueKind.MIME: "A MIME bundle: an image, SVG or HTML.",
    domain.ValueKind.REPR: "Julia's repr of something that is none of these.",
})
TaskOrderField = named_enum("TaskOrderField", "What tasks can be ordered by.", {
    field: f"By {field.lower().replace('_', ' ')}." for field in ORDER_COLUMNS
})
Comparison = named_enum("Comparison", "How an argument stands to a value.", {
    argument_conditions.Comparison.EQ: "They are equal.",
    argument_conditions.Comparison.NE: "It is there, and something else.",
    argument_conditions.Comparison.LT: "It is below the value.",
    argument_conditions.Comparison.LE: "It is below the value, or equal.",
    argument_conditions.Comparison.GT: "It is above the value.",
    argument_conditions.Comparison.GE: "It is above the value, or equal.",
})
Direction = named_enum("Direction", "Which way to order.", {
    "ASC": "Smallest or oldest first.", "DESC": "Largest or newest first.",
})
WorkerState = named_enum("WorkerState", "Where a worker stands.", {
    "ONLINE": "It takes tasks.",
    "DRAINING": "It finishes what it holds and takes nothing more.",
    "LOST": "It was silent for too long; its tasks went to others.",
    "LEFT": "It left in order.",
})
Verdict = named_enum("Verdict", "What was made of an outcome.", {
    domain.Verdict.ACCEPTED: "It is recorded.",
    domain.Verdict.REPEATED: "The same one is recorded already; nothing changed.",
    domain.Verdict.REFUSED: "Its attempt no longer holds the task; the task did not change.",
})
WhyKind = named_enum("WhyKind", "Why a task stands where it stands.", {
    domain.WhyKind.DEPENDENCY: "A task that it needs is not finished.",
    domain.WhyKind.RETRY: "Its last attempt failed, and the next one is not due yet.",
    domain.WhyKind.UNSERVED: "No worker serves its queue.",
    domain.WhyKind.BROKER: "RabbitMQ is away, or takes nothing.",
    domain.WhyKind.BUSY: "Every slot that serves its queue has a task.",
    domain.WhyKind.STARTING: "A slot is free, and it is on its way there.",
    domain.WhyKind.RUNNING: "A worker runs it.",
    domain.WhyKind.FINISHED: "It returned a value.",
    domain.WhyKind.FAILED: "It failed.",
    domain.WhyKind.CANCELLED: "It was cancelled.",
})
Role = named_enum("Role", "What a token may do.", {
    domain.Role.ADMIN: "Everything a user may, with everybody's tasks; tokens and workers.",
    domain.Role.USER: "Submit tasks, and change its own.",
    domain.Role.RUNNER: "Submit what an administrator has registered, and look.",
    domain.Role.WORKER: "Claim tasks and report on them.",
    domain.Role.SINK: "Record outcomes.",
})
TokenOrigin = named_enum("TokenOrigin", "Where the service has a token from.", {
    "DATABASE": "It was made with createToken; revokeToken ends it.",
    "FILE": "It is one of the service's tokens file, and is good as long as it stands there.",
})
