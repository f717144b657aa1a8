"""Which tasks are meant: keyword arguments of Python, options of commands, as GraphQL's ``TaskFilter``."""

from __future__ import annotations

from typing import Any

from taskq_kernel.client.moments import moment
from taskq_kernel.client.refusals import refused
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask

#: Keyword arguments that select tasks, by their names in GraphQL's ``TaskFilter``.
FILTERS = {
    "ids": "ids",
    "status": "status",
    "name": "name",
    "search": "search",
    "batch": "batch",
    "definition": "definition",
    "recipe": "recipe",
    "is_point": "isPoint",
    "owner": "owner",
    "queue": "queue",
    "worker": "worker",
    "arguments": "arguments",
    "created_after": "createdAfter",
    "created_before": "createdBefore",
    "finished_after": "finishedAfter",
    "finished_before": "finishedBefore",
}


def task_filter(**given: Any) -> dict[str, object]:
    """GraphQL's ``TaskFilter`` from keyword arguments; what is None is left out.

    Raises
    ------
    InvalidTask
        If there is no such filter, status or point in time.
    """
    made: dict[str, object] = {}
    for name, value in given.items():
        if name not in FILTERS:
            raise InvalidTask(f"there is no filter {name!r}: use {', '.join(FILTERS)}")
        if value is None:
            continue
        if name == "status":
            value = [_status(one) for one in ([value] if isinstance(value, str) else value)]
        elif name == "ids":
            value = [str(one) for one in value]
        elif name == "is_point":
            value = bool(value)
        elif name == "arguments":
            # late: few selections have any
            from taskq_kernel.client.argument_filter import conditions_of

            value = conditions_of(value)
            if not value:
                continue
        elif name.endswith(("_after", "_before")):
            value = moment(value, FILTERS[name])
        elif name == "recipe":
            value = str(getattr(value, "name", value))
        else:
            value = str(getattr(value, "id", value))
        made[FILTERS[name]] = value
    return made


def _status(text: Any) -> str:
    try:
        return TaskStatus(str(text).upper()).value
    except ValueError:
        raise refused(f"is {text!r}: use {', '.join(TaskStatus)}", "status") from None
