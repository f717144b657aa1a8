"""What the open task reports as series of numbers: as curves on the page, and as the contents of a file."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from typing import Any

from taskq_kernel.client import operations
from taskq_kernel.client.series import numbers
from taskq_kernel.transport.graphql import GraphQLTransport
from taskq_widgets.panels.pictures import curve
from taskq_widgets.table.cells import short_number

#: They are read so often at most, in seconds.
LEAST_S = 1.0


class PanelSeries:
    """The series of one task. A change of the task is all that tells of new points."""

    def __init__(self) -> None:
        self._reported: Mapping[str, Any] = {}
        #: Of which version of the task they are, and when they were read.
        self._version = -1
        self._read = float("-inf")
        self._shown: list[dict[str, Any]] = []

    def due_in(self, version: int) -> float:
        """Return in how many seconds they are to be read of a task that has this version now."""
        return max(0.0, self._read + LEAST_S - time.monotonic()) if version > self._version else float("inf")

    def read(self, transport: GraphQLTransport, task_id: str, version: int) -> None:
        """Ask the service for them."""
        self._read = time.monotonic()
        reported = operations.get(transport, task_id, "series")["series"] or {}
        self._version = version
        if reported != self._reported:
            self._reported = reported
            self._shown = [_shown(name, one) for name, one in reported.items()]

    def shown(self) -> list[dict[str, Any]]:
        """Return the name of each, its last value as text, and its curve."""
        return self._shown

    def csv(self) -> bytes:
        """Return all points that are kept: a row for each, as `Task.series` has them."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["series", "step", "value"])
        for name, one in self._reported.items():
            writer.writerows(zip([name] * len(one["steps"]), one["steps"], numbers(one["values"]), strict=True))
        return text.getvalue().encode()


def _shown(name: str, one: Mapping[str, Any]) -> dict[str, Any]:
    values = numbers(one["values"])
    return {
        "name": name,
        "last": short_number(values[-1]) if values else "",
        "picture": curve(name, one["count"], numbers(one["steps"]), values),
    }
