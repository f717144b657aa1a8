"""What the open task reports as series of numbers: as curves on the page, and as the contents of a file."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from taskq_kernel.client import operations
from taskq_kernel.client.series import numbers
from taskq_kernel.errors import TaskqError
from taskq_kernel.transport.graphql import GraphQLTransport
from taskq_widgets.panels.pictures import curve
from taskq_widgets.table.cells import short_number

#: They are read so often at most, in seconds.
LEAST_S = 1.0


class PanelSeries:
    """The series of the open task, which is given as GraphQL gives it. Its changes are all that tells of new points."""

    def __init__(self) -> None:
        self._reported: Mapping[str, Any] = {}
        self._shown: list[dict[str, Any]] = []
        #: Of which task they are, and of which version of it; and when they were read.
        self._task, self._version = "", -1
        self._read = float("-inf")

    def due_in(self, data: Mapping[str, Any]) -> float:
        """Return in how many seconds they are to be read; never for a task that has not begun."""
        if not data or not data["attempt"]:
            return float("inf")
        if data["id"] != self._task:
            return 0.0
        return max(0.0, self._read + LEAST_S - time.monotonic()) if _version(data) > self._version else float("inf")

    def read(self, transport: GraphQLTransport, data: Mapping[str, Any]) -> None:
        """Ask the service for them; one that does not answer is asked again in a moment."""
        if data["id"] != self._task:
            self._task, self._version, self._reported, self._shown = data["id"], -1, {}, []
        self._read = time.monotonic()
        with suppress(TaskqError):
            reported = operations.get(transport, data["id"], "series")["series"] or {}
            self._version = _version(data)
            if reported != self._reported:
                self._reported = reported
                self._shown = [_shown(name, one) for name, one in reported.items()]

    def shown(self, data: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the name of each, its last value as text, and its curve."""
        return self._shown if data["id"] == self._task else []

    def csv(self) -> bytes:
        """Return all points that are kept: a row for each, as `Task.series` has them."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["series", "step", "value"])
        for name, one in self._reported.items():
            writer.writerows(zip([name] * len(one["steps"]), one["steps"], numbers(one["values"]), strict=True))
        return text.getvalue().encode()


def _version(data: Mapping[str, Any]) -> int:
    return int(data["version"])


def _shown(name: str, one: Mapping[str, Any]) -> dict[str, Any]:
    values = numbers(one["values"])
    return {
        "name": name,
        "last": short_number(values[-1]) if values else "",
        "picture": curve(name, one["count"], numbers(one["steps"]), values),
    }
