"""A task's value, made ready for the browser to show.

What comes out says in ``form`` how it is to be shown:

========= =======================================================================
``none``  nothing; ``text`` says why
``value`` one number, truth value or short text: ``text``
``text``  longer text: ``text``
``grid``  rows of cells: ``rows``, with ``head`` where columns have names
``plot``  numbers in a row: ``values`` for a line, ``text`` to read
``image`` ``source``, a data URL
``html``  ``html`` for a frame that runs no scripts and fetches nothing
========= =======================================================================

``note`` says what is not shown. Every text reaches the page as text, never as HTML.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

Shown = dict[str, Any]

#: What is shown at most of a table, and of a text.
MOST_ROWS, MOST_COLUMNS, MOST_CHARACTERS = 200, 30, 50_000
#: Points of a line; more are thinned out.
MOST_POINTS = 400

_IMAGES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif")


def present(kind: str | None, data: Any, text: str = "") -> Shown:
    """Make a value ready to be shown.

    Parameters
    ----------
    kind
        GraphQL's ``valueKind``; None for no value.
    data
        Its JSON, parsed.
    text
        Its short text, for a text that says more than the JSON.
    """
    match kind:
        case None:
            return {"form": "none", "text": ""}
        case "TABLE":
            return _table(data["columns"])
        case "MIME":
            return _rich(data)
        case "REPR":
            return _text(data["repr"])
    return _json(data, text)


def _json(data: Any, text: str) -> Shown:
    if isinstance(data, list) and data:
        return _array(data)
    if isinstance(data, dict) and not _is_tagged(data) and data:
        rows = [[str(key), cell(value)] for key, value in list(data.items())[:MOST_ROWS]]
        note = _more(len(data), len(rows), "entries")
        return {"form": "grid", "head": None, "rows": rows, "named": True, "note": note}
    if data is None:
        return {"form": "value", "text": "nothing" if text in ("", "nothing", "null") else text}
    shown = data if isinstance(data, str) else cell(data)
    return {"form": "value", "text": shown} if len(shown) <= 80 and "\n" not in shown else _text(shown)


def _array(data: list[Any]) -> Shown:
    if all(isinstance(row, list) for row in data):
        rows = [[cell(value) for value in row[:MOST_COLUMNS]] for row in data[:MOST_ROWS]]
        width = max(map(len, data))
        note = _more(len(data), len(rows), "rows") or _more(width, min(width, MOST_COLUMNS), "columns")
        return {"form": "grid", "head": None, "rows": rows, "note": note}
    numbers = [_number(value) for value in data]
    shown = _text("[" + ", ".join(cell(value) for value in data[:5000]) + (", …]" if len(data) > 5000 else "]"))
    if len(data) >= 5 and all(number is not None for number in numbers):
        step = max(1, len(numbers) // MOST_POINTS)
        return shown | {"form": "plot", "values": numbers[::step], "note": f"{len(data):,} numbers"}
    return shown


def _table(columns: Mapping[str, Sequence[Any]]) -> Shown:
    names = list(columns)[:MOST_COLUMNS]
    height = max((len(values) for values in columns.values()), default=0)
    cells = [[cell(value) for value in columns[name][:MOST_ROWS]] for name in names]
    rows = [list(row) for row in zip_longest(*cells, fillvalue="")]
    note = " ".join(filter(None, [_more(height, len(rows), "rows"), _more(len(columns), len(names), "columns")]))
    return {"form": "grid", "head": names, "rows": rows, "note": note}


def _rich(bundle: Mapping[str, str]) -> Shown:
    for mime in _IMAGES:
        if mime in bundle:
            # SVG goes into an <img> as well: there it runs no scripts and fetches nothing.
            content = bundle[mime] if mime != "image/svg+xml" else base64.b64encode(bundle[mime].encode()).decode()
            source = f"data:{mime};base64,{content}"
            return {"form": "image", "source": source, "text": bundle.get("text/plain", "")[:300]}
    if "text/html" in bundle:
        return {"form": "html", "html": bundle["text/html"]}
    return _text(next(iter(bundle.values()), ""))


def _text(text: str) -> Shown:
    note = _more(len(text), min(len(text), MOST_CHARACTERS), "characters")
    return {"form": "text", "text": text[:MOST_CHARACTERS], "note": note}


def cell(value: Any) -> str:
    """Return a value as one cell of a table shows it."""
    match value:
        case None:
            return "missing"
        case bool():
            return "true" if value else "false"
        case str():
            return value[:500]
        case float():
            return f"{value:.10g}"
        case {"$float": name}:
            return {"Infinity": "Inf", "-Infinity": "-Inf"}.get(str(name), str(name))
        case {"$complex": [real, imaginary]}:
            sign = "-" if (_number(imaginary) or 0) < 0 else "+"
            return f"{cell(real)} {sign} {cell(imaginary).removeprefix('-')}im"
        case {"$rational": [over, under]}:
            return f"{over}//{under}"
        case list() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)[:500]
    return str(value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 else None


def _is_tagged(data: Mapping[str, Any]) -> bool:
    return len(data) == 1 and next(iter(data)).startswith("$")


def _more(whole: int, shown: int, what: str) -> str:
    return f"The first {shown:,} of {whole:,} {what}." if whole > shown else ""


def trace_sections(text: str) -> list[dict[str, Any]]:
    """Return a Julia stack trace in sections: a heading, and the lines that belong to it.

    A worker writes the lines of the task's own code first, under a heading, then what these
    called inside Julia and its packages.
    """
    sections: list[dict[str, Any]] = []
    for line in text.splitlines():
        if line and not line[0].isspace():
            sections.append({"heading": line.rstrip(":"), "lines": []})
        elif sections:
            sections[-1]["lines"].append(line)
        elif line:
            sections.append({"heading": "", "lines": [line]})
    return sections
