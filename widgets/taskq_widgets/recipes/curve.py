"""A sweep of a recipe as a curve that fills in while its points are computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taskq_kernel.client import operations
from taskq_kernel.domain import FINAL
from taskq_kernel.errors import NotFound
from taskq_kernel.value_files import json_of_file
from taskq_widgets.panels import pictures
from taskq_widgets.panels.value import MOST_BYTES
from taskq_widgets.recipes.results import NotShown, chart, number_of, numbers_in, shown_as

if TYPE_CHECKING:
    from taskq_kernel.client.recipe import Recipe
    from taskq_kernel.client.sweep import Sweep
    from taskq_widgets.live import LiveTasks

#: What is read of a point.
_POINT = "id number status point arguments value valueKind valueRef valueSize"
#: Of results that are curves themselves so many are drawn.
_MOST_CURVES = 30


class CurveShown:
    """What is seen of one sweep.

    Parameters
    ----------
    live
        The connection.
    recipe
        What it was made of.
    sweep
        The sweep.
    parameter
        What is swept; found out from its points unless given.
    """

    def __init__(self, live: LiveTasks, recipe: Recipe, sweep: Sweep, parameter: str = "") -> None:
        self.sweep = sweep
        self.parameter = parameter
        self.done = False
        self._live = live
        self._recipe = recipe
        self._rows: list[dict[str, Any]] = []
        #: What is drawn of values that are too large to travel with their tasks, by where these are kept.
        self._large: dict[str, Any] = {}

    @property
    def arguments(self) -> dict[str, Any]:
        """What all points have in common, and the least of what is swept."""
        return dict(self._rows[0]["arguments"]) if self._rows else {}

    @property
    def ends(self) -> tuple[float, float] | None:
        """From where to where it goes; None while no point is known."""
        places = self._places(self._rows)
        return (min(places), max(places)) if places else None

    def read(self) -> None:
        """Read its points.

        Raises
        ------
        TaskqError
            If the service cannot be asked.
        """
        rows = operations.pages(self._live.transport, {"batch": self.sweep.id}, _POINT)
        points = (row for row in rows if row["point"] is not None)
        self._rows = sorted((row | {"value": self._value(row)} for row in points), key=lambda row: row["point"])
        self.parameter = self.parameter or self._varies()
        ended = [row for row in self._rows if row["status"] in FINAL]
        self.done = len(ended) >= len(self.sweep)

    def _value(self, row: dict[str, Any]) -> Any:
        """The value of a point; of one that is too large to travel with its task what is drawn of it, read once."""
        ref = row["valueRef"]
        if not ref or row["status"] != "FINISHED" or int(row["valueSize"] or 0) > MOST_BYTES:
            return row["value"]
        if ref not in self._large:
            try:
                data = json_of_file(row["valueKind"], self._live.transport.get_blob(ref))
            except (NotFound, ValueError):  # it was deleted, or is not what its kind says
                data = None
            self._large[ref] = self._drawn_of(data)
        return self._large[ref]

    def _drawn_of(self, data: Any) -> Any:
        """A value without its rows of numbers, but for those that are drawn themselves."""
        show = self._recipe.show
        if not isinstance(data, Mapping) or (show.kind == "line" and not show.sweep):
            return data
        return {name: value for name, value in data.items() if not isinstance(value, list)}

    def shown(self) -> dict[str, Any]:
        """The curve, how many points it has and is to have, and why there may be fewer."""
        there = [row for row in self._rows if row["status"] == "FINISHED"]
        failed = sum(row["status"] in ("FAILED", "CANCELLED") for row in self._rows)
        said = {"name": self.sweep.name, "id": self.sweep.id, "total": len(self.sweep), "there": len(there),
                "failed": failed, "done": self.done, "note": ""}  # fmt: skip
        return said | self._drawn(there)

    def _drawn(self, there: list[dict[str, Any]]) -> dict[str, Any]:
        show, span = self._recipe.show, self.ends
        parameter = next((one for one in self._recipe.parameters if one.name == self.parameter), None)
        x_label = "" if parameter is None else parameter.measured
        if show.kind == "line" and not show.sweep:
            return {"chart": self._family(there)}
        name = show.sweep or show.value
        if not show.sweep and show.kind != "number":
            # Of a result that is no number, the first number in it.
            name = next((one for row in there for one in numbers_in(row["value"])), "")
            if there and not name:
                return {"chart": chart([], x_label, "", span), "note": "These results have no number to draw."}
        # The error is that of what is shown of a single run.
        error = show.error if name == show.value else ""
        points = [
            [place, number_of(row["value"], name), number_of(row["value"], error) if error else None]
            for row in there for place in self._places([row])
        ]  # fmt: skip
        points.sort(key=lambda point: point[0] or 0.0)
        left_out = sum(height is None for _, height, _ in points)
        note = f"{left_out} of {len(points)} results have no number to draw." if left_out else ""
        return {"chart": chart([(show.called(name), points)], x_label, show.measured(name), span), "note": note}

    def _family(self, there: list[dict[str, Any]]) -> dict[str, Any]:
        """Results that are curves themselves: a curve for each, the first of each result."""
        show = self._recipe.show
        curves, drawn = [], there[:: max(1, -(-len(there) // _MOST_CURVES))]
        labels: Mapping[str, Any] = {}
        for row in drawn:
            try:
                labels = shown_as(show, row["valueKind"], row["value"])["chart"]
            except (NotShown, KeyError):
                continue
            curves.append((f"{self._places([row])[0]:g}", labels["curves"][0]["points"]))
        if not curves:
            return chart([], show.x_label, show.y_label)
        first = labels["curves"][0]["name"]
        return chart(curves, labels["x_label"], first) | {"family": True}

    def _places(self, rows: list[dict[str, Any]]) -> list[float]:
        found = (pictures.number(row["arguments"].get(self.parameter)) for row in rows)
        return [one for one in found if one is not None]

    def _varies(self) -> str:
        """The parameter whose value is not the same at all points."""
        for one in self._recipe.parameters:
            if len({str(row["arguments"].get(one.name)) for row in self._rows}) > 1:
                return one.name
        return ""
