"""From what a task is given to the `Task` that stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from taskq_kernel.client import operations
from taskq_kernel.client.session import Session
from taskq_kernel.client.task import Task, new_task_data, task_from
from taskq_kernel.client.unfinished import said_of_unfinished


def create(client: Session, inputs: Sequence[dict[str, Any]]) -> list[Task]:
    """Submit tasks, given as GraphQL's ``TaskInput`` without ids; errors are those of `Client.submit_many`."""
    # The feed starts first, so that it need not be asked what happened meanwhile.
    client.feed.start()
    made: list[Task] = []
    for chunk in operations.chunks(inputs, operations.CREATE_CHUNK):
        given = [one | {"id": operations.new_id()} for one in chunk]
        before = len(made) if len(inputs) > 1 else None
        try:
            with client.cache.reading():
                created = operations.create(client.transport, given, operations.CREATED, before)
                rows = [new_task_data(one, answer) for one, answer in zip(given, created, strict=True)]
                made += [task_from(client, row) for row in rows]
        except BaseException as error:  # Ctrl-C above all: what was submitted goes on
            for note in said_of_unfinished(error, given, len(made), len(inputs)):
                error.add_note(note)
            raise
    return made
