"""What tasks are ordered by: fields, and arguments."""

from __future__ import annotations

from collections.abc import Iterable

from taskq_kernel.argument_names import place_of
from taskq_kernel.client.refusals import refused
from taskq_kernel.task_fields import TASK_FIELDS

#: What names an argument where fields can be named too: ``argument.n``.
ARGUMENT = "argument."
#: Fields that tasks can be ordered by, by their names in Python; times without their ending as well.
SORTABLE = {
    name: field.name.upper()
    for field in TASK_FIELDS if field.sortable for name in (field.name, field.name.removesuffix("_at"))
}


def order_of(name: str) -> tuple[str, str]:
    """The field or argument to order by, and the direction, of a name: ``seconds``, ``n``, ``-n``.

    A name that a field has means the field; ``argument.name`` is the argument in any case.

    Raises
    ------
    InvalidTask
        If there is no name.
    """
    field = name.removeprefix("-").strip()
    direction = "DESC" if name.startswith("-") else "ASC"
    if not field.removeprefix(ARGUMENT):
        raise refused(f"is {name!r}: give the name of an argument, or one of {', '.join(SORTABLE)}", "orderBy")
    if field in SORTABLE:
        return SORTABLE[field], direction
    if field.startswith(ARGUMENT):
        return field, direction
    return ARGUMENT + (place_of(field) or field), direction  # as frames call those that go by position


def order_input(order: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """An order as GraphQL's ``TaskOrder``: pairs of a field, or ``argument.`` with a name, and a direction."""
    return [
        {"argument": field.removeprefix(ARGUMENT), "direction": direction} if field.startswith(ARGUMENT)
        else {"field": field, "direction": direction}
        for field, direction in order
    ]
