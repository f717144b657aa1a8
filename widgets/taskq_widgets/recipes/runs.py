"""What a form shows of a task of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taskq_kernel.parameters import shown
from taskq_widgets.panels.facts import head_of, problem_of
from taskq_widgets.panels.results import Shown
from taskq_widgets.panels.value import PanelValue
from taskq_widgets.recipes.results import shown_as

if TYPE_CHECKING:
    from taskq_kernel.client.recipe import Recipe
    from taskq_kernel.client.task import Task
    from taskq_widgets.live import LiveTasks

#: In a row of text so many parameters are named at most.
_NAMED = 4

_PENDING = {
    "QUEUEING": "Waiting for its turn.",
    "RUNNING": "Running. The result appears here.",
    "CANCELLED": "It was cancelled, so there is no result.",
}


class RunShown:
    """What is seen of one task.

    Parameters
    ----------
    live
        The connection.
    recipe
        What it was made of.
    task
        The task.
    """

    def __init__(self, live: LiveTasks, recipe: Recipe, task: Task) -> None:
        self.task = task
        self._recipe = recipe
        self._value = PanelValue(live)
        self._made: tuple[Any, Shown] = (None, {})

    def head(self) -> dict[str, Any]:
        """Its number, its status, how far it is; see `taskq_widgets.panels.facts.head_of`."""
        return head_of(self._row())

    def result(self) -> Shown:
        """Its result as the recipe says, or why there is none yet."""
        row = self._row()
        status = row["status"]
        if status == "FAILED":
            return {"form": "failed", **problem_of(row)}
        if status != "FINISHED":
            return {"form": "none", "text": _PENDING[status]}
        made, result = self._made
        if made != row["version"]:
            result = self._present(row)
            self._made = (row["version"], result)
        return result

    def _present(self, row: dict[str, Any]) -> Shown:
        try:
            data = self._value.json(row)
        except ValueError as problem:  # too large
            return {"form": "text", "text": row.get("valueText") or "", "note": str(problem)}
        kind, text, julia_type = row["valueKind"], row.get("valueText") or "", row.get("valueType") or ""
        result = shown_as(self._recipe.show, kind, data, text, julia_type)
        remarks = [row.get("valueNote") or "", result.get("note", "")]
        return result | {"note": " ".join(filter(None, remarks)), "more": False}

    def _row(self) -> dict[str, Any]:
        status = self.task.status
        for name in ("arguments", "valueKind", "value"):
            self.task.field(name)  # read where it is not known
        return dict(self.task.entry.row) | {"status": str(status)}


def summary(recipe: Recipe | None, arguments: Mapping[str, Any]) -> str:
    """What a run was given, in a row of text: what differs from the defaults, else the first parameters."""
    if recipe is None:
        return ", ".join(f"{name} {_text(value)}" for name, value in list(arguments.items())[:_NAMED])
    known = [one for one in recipe.parameters if one.name in arguments]
    told = [one for one in known if arguments[one.name] != one.default] or known
    said = [f"{one.title} {_text(arguments[one.name])}{f' {one.unit}' if one.unit else ''}" for one in told[:_NAMED]]
    return ", ".join(said) + (" …" if len(told) > _NAMED else "")


def _text(value: Any) -> str:
    return shown(value) if isinstance(value, bool | int | float | str) else "…"
