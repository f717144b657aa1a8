"""Why a task would have its value from the cache, or would not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from taskq_kernel.client import operations
from taskq_kernel.client.session import Session


@dataclass(frozen=True)
class CacheExplanation:
    """What the cache says of a task that is submitted now. It is true where the task would not run.

    Attributes
    ----------
    hit : int or None
        The number of the task that has computed its value.
    nearest : int or None
        Where there is none: the number of the task that differs least.
    reasons : tuple of str
        What stands in the way: what differs from that one, or what became of it.
    """

    hit: int | None
    nearest: int | None
    reasons: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.hit is not None

    def __str__(self) -> str:
        if self.hit is not None:
            return f"hit: task {self.hit} has computed its value"
        nearest = "" if self.nearest is None else f" (the nearest is task {self.nearest})"
        return f"miss{nearest}: {'; '.join(self.reasons)}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


def explained(client: Session, given: Mapping[str, Any]) -> CacheExplanation:
    """What the cache says of a task, given as GraphQL's ``TaskInput``."""
    found = operations.explain_cache(client.transport, given)
    return CacheExplanation(found["hit"], found["nearest"], tuple(found["reasons"]))
