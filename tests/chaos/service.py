"""The service as the harness asks it: patient, and never silent about a strange answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from taskq_kernel.client import operations
from taskq_kernel.errors import ServiceError, ServiceUnreachable
from taskq_kernel.transport.graphql import GraphQLTransport

T = TypeVar("T")

#: Answers that mean "not now": the request is sent again.
NOT_NOW = {"UNAVAILABLE"}
PAUSE_S = 0.1

_WORKERS = "{ workers(all: true) { id name pid state juliaVersion slots } }"
_COUNTS = "{ statistics { counts { status count } outboxLength brokerConnected } }"
HISTORY = (
    "id number name status attempt lost worker value valueRef createdAt finishedAt "
    "error { name message } history { status attempt worker at reason }"
)


class Service:
    """The service of a stack, with the owner's token.

    Attributes
    ----------
    strange : list of str
        Answers that no fault explains, such as an internal error.
    """

    def __init__(self, url: str, token_file: str) -> None:
        self.transport = GraphQLTransport(url, Path(token_file).read_text().strip(), timeout_s=20)
        self.strange: list[str] = []

    def patiently(self, ask: Callable[[], T], patience_s: float = 60.0) -> T:
        """Ask until there is an answer, or raise what came last."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return ask()
            except ServiceUnreachable:
                if time.monotonic() > deadline:
                    raise
            except ServiceError as error:
                if error.code not in NOT_NOW:
                    self.strange.append(f"{error.code}: {error}")
                    raise
                if time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE_S)

    def ask(self, query: str, variables: dict[str, Any] | None = None, patience_s: float = 60.0) -> Any:
        """The data of one operation."""
        return self.patiently(lambda: self.transport.execute(query, variables or {}), patience_s)

    def create(self, inputs: Sequence[dict[str, Any]], patience_s: float = 120.0) -> None:
        """Create tasks; returning means that they are acknowledged."""
        self.patiently(lambda: operations.create(self.transport, inputs, "id"), patience_s)

    def bulk_action(self, verb: str, ids: Sequence[str]) -> int:
        """Cancel, retry or delete tasks; how many changed."""
        return self.patiently(lambda: operations.bulk_action(self.transport, verb, list(ids), None)[1])

    def tasks(self, ids: Sequence[str], fields: str) -> list[dict[str, Any]]:
        """Some tasks."""
        return self.patiently(lambda: operations.get_many(self.transport, ids, fields))

    def select(self, chosen: dict[str, Any], fields: str) -> list[dict[str, Any]]:
        """The tasks that a filter chooses."""
        return self.patiently(lambda: list(operations.pages(self.transport, chosen, fields)))

    def workers(self) -> list[dict[str, Any]]:
        """Every worker that ever joined, the newest first."""
        found: list[dict[str, Any]] = self.ask(_WORKERS)["workers"]
        return found

    def counts(self) -> dict[str, int]:
        """How many tasks are in each status."""
        data = self.ask(_COUNTS)["statistics"]
        return {one["status"]: one["count"] for one in data["counts"]}
