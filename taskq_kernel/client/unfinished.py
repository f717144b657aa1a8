"""What is said of tasks when a Ctrl-C or an error ends their submission half-way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from taskq_kernel.errors import InvalidTask, ServiceError


def said_of_unfinished(
    error: BaseException, inputs: Sequence[Mapping[str, Any]], made: int, total: int
) -> Iterator[str]:
    """The notes for an exception that ended a submission: how many tasks go on, and where they are.

    Parameters
    ----------
    error : BaseException
        What ended it.
    inputs : sequence of dict
        The inputs of the request that it ended.
    made : int
        How many tasks earlier requests created.
    total : int
        How many there were to be.
    """
    # A refused request created nothing; one that was cut off may have created everything.
    doubtful = 0 if isinstance(error, InvalidTask | ServiceError) else len(inputs)
    if not made and not doubtful:
        return
    batch = inputs[0].get("batch")
    if batch is None:
        task_id = inputs[0]["id"]
        yield f"the task may have been submitted all the same; q.task({task_id!r}) finds it then"
        return
    perhaps = f", and {doubtful} more may have been" if doubtful else ""
    yield (
        f"{made} of {total} tasks were submitted{perhaps}; they go on. q.tasks(batch={batch!r}) has them, "
        f"q.cancel(batch={batch!r}) cancels them"
    )
