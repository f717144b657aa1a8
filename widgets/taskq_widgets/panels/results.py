"""A task's value, made ready for the browser to show.

What comes out says in ``form`` how it is to be shown:

========= =======================================================================
``none``  nothing; ``text`` says why
``value`` one number, truth value or short text: ``text``
``text``  longer text: ``text``
``grid``  rows of cells: ``rows``, with ``head`` where columns have names; ``named`` where the first cell of each
          row is its name or its index
``image`` ``source``, a data URL
``html``  ``html`` for a frame that runs no scripts and fetches nothing
========= =======================================================================

``picture`` is what is drawn above it (`taskq_widgets.panels.pictures`), ``slices`` of how
many and which one of them this is. ``note`` says what is not shown, and with ``more`` all
of it can be had. Every text reaches the page as text, never as HTML.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from math import prod
from typing import Any

from taskq_kernel.terminal.log import as_text
from taskq_kernel.value_text import is_tagged, null_word, written
from taskq_widgets.panels import pictures

Shown = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """What is shown at most."""

    rows: int
    columns: int
    cells: int
    #: Of a text.
    characters: int
    #: Of a cell in characters, where it is the only one of its row or one of many.
    cell: int
    cell_of_many: int


#: At first, and on demand.
BRIEF = Limits(rows=200, columns=30, cells=6_000, characters=50_000, cell=500, cell_of_many=60)
WHOLE = Limits(rows=20_000, columns=2_000, cells=200_000, characters=8 << 20, cell=8 << 20, cell_of_many=8 << 20)

#: Up to this many characters a text is one value, set large.
_LARGE = 80
_IMAGES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif")
#: Strings that would be taken for something else.
_MISTAKABLE = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?|true|false|nothing|missing|NaN|-?Inf|\s.*|.*\s|", re.DOTALL)


def present(
    kind: str | None, data: Any, text: str = "", julia_type: str = "", *, whole: bool = False, at: int = 0
) -> Shown:
    """Make a value ready to be shown.

    Parameters
    ----------
    kind
        GraphQL's ``valueKind``; None for no value.
    data
        Its JSON, parsed.
    text, julia_type
        Its short text and its type, for what the JSON does not say.
    whole
        Show all of it, as far as a browser can bear it.
    at
        Which slice of an array of more than two dimensions is shown, from 0.
    """
    if kind is None:
        return {"form": "none", "text": ""}
    usual = "missing" if kind == "TABLE" else "nothing"
    return _Presenter(WHOLE if whole else BRIEF, null_word(text, julia_type, usual), at).present(kind, data)


@dataclass
class _Presenter:
    limits: Limits
    null: str
    at: int
    notes: list[str] = field(default_factory=list)

    def present(self, kind: str, data: Any) -> Shown:
        shown = self._form(kind, data)
        if self.notes:
            shown |= {"note": " ".join(dict.fromkeys(self.notes)), "more": self.limits is BRIEF}
        return shown

    def _form(self, kind: str, data: Any) -> Shown:
        match kind:
            case "TABLE":
                return self._table(data["columns"])
            case "MIME":
                return self._rich(data)
            case "REPR":
                return self._text(as_text(data["repr"]))
        return self._json(data)

    def _json(self, data: Any) -> Shown:
        match data:
            case list() if data:
                return self._array(data)
            case {"$dict": [*pairs]} if len(data) == 1:
                return self._pairs([(written(key, null=self.null), value) for key, value in pairs])
            case dict() if data and not is_tagged(data):
                return self._pairs(list(data.items()))
            case str() if data:
                text = data
            case _:
                text = written(data, null=self.null)
        return {"form": "value", "text": text} if len(text) <= _LARGE and "\n" not in text else self._text(text)

    # -- arrays

    def _array(self, data: list[Any]) -> Shown:
        sizes = pictures.shape(data)
        if len(sizes) > 2 and min(sizes) > 0:
            count = prod(sizes[2:])
            at = min(max(self.at, 0), count - 1)
            matrix, name = pictures.slice_of(data, sizes, at)
            return self._matrix(matrix) | {"slices": {"count": count, "at": at, "name": name}}
        if all(isinstance(row, list) for row in data):
            return self._matrix(data)
        return self._vector(data)

    def _vector(self, data: list[Any]) -> Shown:
        numbers = pictures.numbers(data)
        if numbers is None:
            return self._grid(None, [[str(place), value] for place, value in enumerate(data, 1)], "entries")
        return self._text(written(data, null=self.null)) | _drawn(pictures.line(numbers))

    def _matrix(self, data: list[list[Any]]) -> Shown:
        width = max(map(len, data))
        head = ["", *(str(column) for column in range(1, width + 1))]
        shown = self._grid(head, [[str(place), *row] for place, row in enumerate(data, 1)], "rows")
        rows = [numbers for row in data if len(row) == width and (numbers := pictures.numbers(row)) is not None]
        if len(rows) < len(data):
            return shown
        if min(len(data), width) == 1:
            return shown | _drawn(pictures.line([value for row in rows for value in row]))
        return shown | _drawn(pictures.heat(rows))

    # -- grids and texts

    def _pairs(self, pairs: list[tuple[str, Any]]) -> Shown:
        return self._grid(None, [[key, value] for key, value in pairs], "entries")

    def _table(self, columns: Mapping[str, Sequence[Any]]) -> Shown:
        if not columns:
            return {"form": "none", "text": "A table without columns."}
        height = max(map(len, columns.values()))
        names = self._first(list(columns), self.limits.columns, "columns")
        most = self._rows(len(names))
        cells = [[self.cell(value, len(names)) for value in columns[name][:most]] for name in names]
        rows = [list(row) for row in zip_longest(*cells, fillvalue="")]
        self._say(height, len(rows), "rows")
        return {"form": "grid", "head": names, "rows": rows, "empty": "No rows." if not height else ""}

    def _grid(self, head: list[str] | None, rows: list[list[Any]], what: str) -> Shown:
        """Rows whose first cell is their name."""
        width = max(map(len, rows))
        columns = min(width, self.limits.columns + 1)
        shown = self._first(rows, self._rows(columns), what)
        self._say(width - 1, columns - 1, "columns")
        return {
            "form": "grid", "head": head and head[:columns], "named": True,
            "rows": [[row[0], *(self.cell(value, columns - 1) for value in row[1:columns])] for row in shown],
        }  # fmt: skip

    def _text(self, text: str) -> Shown:
        self._say(len(text), min(len(text), self.limits.characters), "characters")
        return {"form": "text", "text": text[: self.limits.characters]}

    def _rich(self, bundle: Mapping[str, str]) -> Shown:
        for mime in _IMAGES:
            if mime in bundle:
                # SVG goes into an <img> as well: there it runs no scripts and fetches nothing.
                svg = mime == "image/svg+xml"
                content = base64.b64encode(bundle[mime].encode()).decode() if svg else bundle[mime]
                source = f"data:{mime};base64,{content}"
                return {"form": "image", "source": source, "text": bundle.get("text/plain", "")[:300]}
        if "text/html" in bundle:
            return {"form": "html", "html": bundle["text/html"]}
        return self._text(bundle.get("text/plain") or next(iter(bundle.values()), ""))

    def cell(self, value: Any, columns: int) -> str:
        limit = self.limits.cell if columns == 1 else self.limits.cell_of_many
        text = cell(value, self.null, limit)
        if len(text) > limit:
            self.notes.append("Long entries are cut.")
        return text

    def _rows(self, columns: int) -> int:
        return max(1, min(self.limits.rows, self.limits.cells // max(1, columns)))

    def _first(self, items: list[Any], most: int, what: str) -> list[Any]:
        self._say(len(items), min(len(items), most), what)
        return items[:most]

    def _say(self, whole: int, shown: int, what: str) -> None:
        if whole > shown:
            self.notes.append(f"The first {shown:,} of {whole:,} {what}.")


def _drawn(picture: pictures.Picture | None) -> Shown:
    return {} if picture is None else {"picture": picture}


def cell(value: Any, null: str = "nothing", limit: int = BRIEF.cell) -> str:
    """Return a value as one cell of a table shows it; what is longer than ``limit`` ends with "…"."""
    if isinstance(value, str):
        text = written(value) if len(value) <= _LARGE and _MISTAKABLE.fullmatch(value) else value
    else:
        text = written(value, null=null, limit=limit)
    return text if len(text) <= limit else text[:limit] + "…"


def trace_sections(text: str) -> list[dict[str, Any]]:
    """Return a stack trace in sections: a heading, and the lines that belong to it.

    A worker writes the lines of the task's own code first, under a heading, then what these
    called inside Julia and its packages: a heading ends with a colon, and what is indented
    below belongs to it. Any other trace, such as the one that a crash leaves, is one section
    without a heading.
    """
    lines = as_text(text).split("\n")
    sections: list[dict[str, Any]] = []
    for line, below in zip_longest(lines, lines[1:], fillvalue=""):
        if line.endswith(":") and not line[0].isspace() and below[:1].isspace():
            sections.append({"heading": line.removesuffix(":"), "lines": []})
        elif sections:
            sections[-1]["lines"].append(line)
        elif line:
            sections.append({"heading": "", "lines": [line]})
    return sections
