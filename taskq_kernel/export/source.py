"""What an export is made of: a task with its code, its arguments and its files, as values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from taskq_kernel.argument_names import is_place
from taskq_kernel.domain import TaskKind, TaskStatus
from taskq_kernel.errors import InvalidTask
from taskq_kernel.provenance import FIELDS, Fact, facts_of

#: What is asked of the service for a citation of it.
CITED = f"{FIELDS} id"
#: What is asked of the service for it.
EXPORTED = (
    f"{CITED} status batch threads env outputs inputFiles manifest value valueKind valueType valueText valueRef "
    "valueNote error { name message } files { name sha256 size }"
)


@dataclass(frozen=True)
class Exported:
    """A task that is exported.

    Attributes
    ----------
    row : mapping
        It as GraphQL tells it, with `EXPORTED`.
    project : dict of str to bytes
        The files of its project, by their paths.
    inputs : dict of str to bytes
        The files that it was given, by their names.
    large : dict of str to bytes
        Values among its arguments that are kept apart, by their SHA-256.
    """

    row: Mapping[str, Any]
    project: Mapping[str, bytes] = field(default_factory=dict)
    inputs: Mapping[str, bytes] = field(default_factory=dict)
    large: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.row["kind"] not in (TaskKind.SCRIPT, TaskKind.CALL):
            raise InvalidTask(f"task {self.row['number']} is a session, or a cell of one: only others are exported")

    @property
    def facts(self) -> list[Fact]:
        """How it was made."""
        return facts_of(self.row)

    @property
    def around(self) -> Mapping[str, Any]:
        """What it ran in."""
        return self.row.get("surroundings") or {}

    @property
    def is_call(self) -> bool:
        """Whether it calls a function of its code."""
        return bool(self.row["kind"] == TaskKind.CALL)

    @property
    def seed(self) -> int | None:
        """What its random numbers started from."""
        return self.row.get("seed")

    @property
    def definition_seed(self) -> int:
        """What a worker seeds with before it evaluates a definition: the first 13 digits of its SHA-256."""
        return int(hashlib.sha256(self.row["code"].encode()).hexdigest()[:13], 16)

    @property
    def julia(self) -> str:
        """Julia's version, as far as it is known."""
        return str(next((fact.value for fact in self.facts if fact.key == "julia_version"), ""))

    @property
    def finished(self) -> bool:
        """Whether it has a value."""
        return bool(self.row["status"] == TaskStatus.FINISHED)

    def called(self) -> tuple[list[Any], dict[str, Any]]:
        """A call's arguments, by position and by name."""
        arguments = self.row.get("arguments") or {}
        places = sorted(filter(is_place, arguments), key=int)
        return [arguments[key] for key in places], {key: arguments[key] for key in arguments if key not in places}
