"""How a task's value was made, as an object that shows itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from taskq_kernel.client import operations
from taskq_kernel.client.session import Session
from taskq_kernel.printable import one_line
from taskq_kernel.provenance import FIELDS, Fact, facts_of

_FAINT = "opacity:.68"
_CELL = "padding:2px 16px 2px 0;border:0;text-align:left;vertical-align:baseline;overflow-wrap:anywhere"


class Provenance(Mapping[str, Any]):
    """Where a result comes from: what was computed, in what, and at which price.

    A mapping from names such as ``seed``, ``julia_version`` or ``cpu`` to values as JSON has them; what is not
    known is not there. ``code`` and ``arguments`` are in it, whole, and as ``manifest`` the text of its
    Manifest.toml. It shows itself in a notebook, and ``print`` writes lines.

    Parameters
    ----------
    row : mapping
        A task as GraphQL tells it, with `taskq_kernel.provenance.FIELDS`.

    Attributes
    ----------
    facts : list of Fact
        The same in order, with labels, texts and units for people.
    """

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.facts: list[Fact] = facts_of(row)
        self._values = {fact.key: fact.value for fact in self.facts} | {
            "name": row["name"], "code": row["code"], "arguments": row.get("arguments") or {},
        }
        if row.get("manifest"):
            self._values["manifest"] = row["manifest"]

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def to_json(self, indent: int | None = 2) -> str:
        """All of it as a JSON object."""
        return json.dumps(self._values, indent=indent, ensure_ascii=False, default=str)

    def __str__(self) -> str:
        width = max((len(fact.label) for fact in self.facts), default=0)
        return "\n".join(f"{fact.label:<{width}}  {one_line(str(fact))}" for fact in self.facts)

    def __repr__(self) -> str:
        return f"<Provenance of task {self._values.get('task')}: {len(self)} facts>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._html()}

    def _html(self) -> str:
        rows: list[str] = []
        part = ""
        for fact in self.facts:
            if fact.part != part:
                part = fact.part
                head = f'<th colspan="2" style="{_CELL};padding-top:8px">{part}</th>'
                rows.append(f'<tr style="background:none">{head}</tr>')
            rows.append(
                f'<tr style="background:none"><td style="{_CELL};white-space:nowrap;{_FAINT}">{escape(fact.label)}</td>'
                f'<td style="{_CELL}">{escape(one_line(str(fact)))}</td></tr>'
            )
        return f'<table style="border-collapse:collapse;color:inherit;font-size:13px">{"".join(rows)}</table>'


def read_provenance(client: Session, task_id: str) -> Provenance:
    """How a task's value was made, as the service has it now."""
    return Provenance(operations.get(client.transport, task_id, f"{FIELDS} manifest"))
