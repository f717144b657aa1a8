"""Runs and sweeps of recipes that were there before, those of whoever looks first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from taskq_kernel import exact_json
from taskq_kernel.client import batch_operations, operations
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import NotFound
from taskq_kernel.parameters import shown
from taskq_widgets.recipes.runs import summary
from taskq_widgets.table.values import seconds_of

if TYPE_CHECKING:
    from taskq_kernel.client.recipe import Recipe
    from taskq_kernel.transport.graphql import GraphQLTransport
    from taskq_widgets.live import LiveTasks

#: What is read of a task, and of a sweep.
_ROW = "id number status createdAt seconds arguments owner recipe"
_SWEEP = "id owner recipe total createdAt"
#: How many tasks are looked through, how many sweeps, and how many of both are shown of one's own and of others'.
LOOKED_THROUGH, LOOKED_THROUGH_SWEEPS, OWN, OTHERS = 60, 40, 8, 5
#: What a browser puts before the id of a sweep among those of what was submitted in it.
SWEEP = "batch:"


def earlier(
    live: LiveTasks, recipes: Mapping[str, Recipe], mine: Sequence[str], me: str, only: str | None = None
) -> list[dict[str, Any]]:
    """Runs and sweeps of recipes, those of whoever looks first, the newest of either first.

    Parameters
    ----------
    recipes
        The recipes by name.
    mine
        The ids of what was submitted on this page, or another of the same browser; those of sweeps after `SWEEP`.
    me
        The owner of what whoever looks submits; empty where several people share that name.
    only
        What was made of this recipe alone.
    """
    found = [*_tasks(live.transport, mine, only), *_sweeps(live.transport, mine, only)]
    rows = [row for row in found if row["recipe"] in recipes and only in (None, row["recipe"])]
    rows.sort(key=lambda row: seconds_of(row["createdAt"]) or 0.0, reverse=True)
    own = [row for row in rows if _key(row) in mine or (me and row["owner"] == me)]
    ids = {row["id"] for row in own}
    others = [row for row in rows if row["id"] not in ids]
    listed = [*own[:OWN], *others[:OTHERS]]
    # Of those that are shown alone: the points of each are counted.
    figures = batch_operations.figures(live.transport, [row["id"] for row in listed if "total" in row])
    return [
        {
            "id": row["id"], "recipe": row["recipe"], "title": recipes[row["recipe"]].title,
            "created": seconds_of(row["createdAt"]), "own": row["id"] in ids,
        } | (
            _of_sweep(live.transport, row, figures[row["id"]], recipes[row["recipe"]]) if "total" in row
            else _of_task(row, recipes[row["recipe"]])
        )
        for row in listed
    ]  # fmt: skip


def _tasks(transport: GraphQLTransport, mine: Sequence[str], only: str | None) -> list[dict[str, Any]]:
    condition: dict[str, Any] = {"isPoint": False} | ({"recipe": only} if only else {})
    rows = operations.window(transport, condition, _ROW, [("NUMBER", "DESC")], first=LOOKED_THROUGH, offset=0)
    known = {row["id"] for row in rows}
    own = [one for one in mine if not one.startswith(SWEEP)]
    if missing := [one for one in own[:LOOKED_THROUGH] if one not in known]:
        rows += operations.get_many(transport, missing, _ROW)
    return rows


def _sweeps(transport: GraphQLTransport, mine: Sequence[str], only: str | None) -> list[dict[str, Any]]:
    rows, _count = batch_operations.page(transport, first=LOOKED_THROUGH_SWEEPS, fields=_SWEEP)
    known = {row["id"] for row in rows}
    own = [one.removeprefix(SWEEP) for one in mine if one.startswith(SWEEP)]
    for one in own[:OWN]:
        if one not in known:
            try:
                rows.append(batch_operations.get(transport, batch_id=one, fields=_SWEEP))
            except NotFound:  # it was deleted
                continue
    return [row for row in rows if row["recipe"] and only in (None, row["recipe"])]


def _key(row: Mapping[str, Any]) -> str:
    """What a browser calls it."""
    return f"{SWEEP}{row['id']}" if "total" in row else str(row["id"])


def _of_task(row: Mapping[str, Any], recipe: Recipe) -> dict[str, Any]:
    return {"number": row["number"], "status": row["status"], "said": summary(recipe, row["arguments"])}


def _of_sweep(
    transport: GraphQLTransport, row: Mapping[str, Any], figures: Mapping[str, Any], recipe: Recipe
) -> dict[str, Any]:
    total = row["total"]
    what = swept(recipe, _axes(transport, row["id"], total))
    return {
        "number": None, "status": _status(total, figures), "points": total,
        "said": ", ".join(filter(None, [f"Sweep of {total:,} point{'' if total == 1 else 's'}", what])),
    }


@lru_cache(500)  # the points of a sweep stay; where more are added, there are more of them
def _axes(transport: GraphQLTransport, batch_id: str, _total: int) -> dict[str, Sequence[Any]]:
    """The values of each argument; of none where points have been put together otherwise."""
    grids = batch_operations.get(transport, batch_id=batch_id, fields="grids { design }")["grids"]
    designs = [exact_json.decode(grid["design"].encode()) for grid in grids]
    return dict(designs[0].get("axes") or {}) if len(designs) == 1 else {}


def swept(recipe: Recipe, axes: Mapping[str, Sequence[Any]]) -> str:
    """Which parameters were swept, from where to where, and what was set beside that.

    The others are told where they differ from their defaults, as those of a run are.
    """
    several = [one for one in recipe.parameters if len(axes.get(one.name, ())) > 1]
    ranges = [
        f"{one.title} {_end(axes[one.name][0])} to {_end(axes[one.name][-1])}{f' {one.unit}' if one.unit else ''}"
        for one in several
    ]
    set_beside = {
        one.name: axes[one.name][0] for one in recipe.parameters
        if len(axes.get(one.name, ())) == 1 and axes[one.name][0] != one.default
    }  # fmt: skip
    return ", ".join([*ranges, *([summary(recipe, set_beside)] if set_beside else [])])


def _end(value: Any) -> str:
    return shown(value) if isinstance(value, bool | int | float | str) else "…"


def _status(total: int, figures: Mapping[str, Any]) -> str:
    """How a sweep stands as a whole."""
    counts = {TaskStatus(one["status"]): one["count"] for one in figures["counts"]}
    if figures["done"] < total:
        begun = figures["done"] or counts.get(TaskStatus.RUNNING)
        return str(TaskStatus.RUNNING if begun else TaskStatus.QUEUEING)
    for worst in (TaskStatus.FAILED, TaskStatus.CANCELLED):
        if counts.get(worst):
            return str(worst)
    return str(TaskStatus.FINISHED)
