"""A value's JSON as a person reads it: every digit, as Julia writes its scalars.

``[0.30000000000000004, {"$float": "Infinity"}, {"$rational": [1, 3]}]`` reads
``[0.30000000000000004, Inf, 1//3]``. JSON's null is Julia's `nothing` or its `missing`; who
knows which says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from taskq_kernel import exact_json

_FLOATS = {"Infinity": "Inf", "-Infinity": "-Inf"}


def written(value: Any, *, null: str = "nothing", limit: int | None = None) -> str:
    """Return a value's JSON, parsed, as text.

    Parameters
    ----------
    value
        The JSON, parsed.
    null
        How null reads.
    limit
        How many characters of it; what is longer ends with "…".
    """
    parts: list[str] = []
    length = 0
    for part in _parts(value, null):
        parts.append(part)
        length += len(part)
        if limit is not None and length > limit:
            return "".join(parts)[:limit] + "…"
    return "".join(parts)


def argument_text(json_text: str) -> str:
    """Return an argument's JSON as people read it: as it stands, but for what JSON lacks: ``1//3``, dates."""
    return written(exact_json.decode_kept(json_text), null="null") if '"$' in json_text else json_text


def null_word(text: str, julia_type: str, usual: str) -> str:
    """What null stands for in a value: JSON has one word where Julia has two.

    Parameters
    ----------
    text, julia_type
        What Julia shows of the value, and its type.
    usual
        What it is where neither tells.

    Returns
    -------
    str
        ``nothing`` or ``missing``, or ``null`` where it may be either.
    """
    said = [word for word in ("nothing", "missing") if word.title() in julia_type]
    said = said or [word for word in ("nothing", "missing") if re.search(rf"\b{word}\b", text)]
    return said[0] if len(said) == 1 else "null" if said else usual


def is_tagged(data: Any) -> bool:
    """Whether an object stands for something that JSON does not have."""
    return isinstance(data, Mapping) and len(data) == 1 and next(iter(data)).startswith("$")


def _parts(value: Any, null: str) -> Iterator[str]:
    match value:
        case list():
            yield "["
            yield from _separated(_parts(item, null) for item in value)
            yield "]"
        case {"$array": [str(kind), list(rows), *_]} if len(value) == 1:
            yield from _parts(_unquoted(rows) if "Date" in kind or "Time" in kind else rows, "missing")
        case {"$dict": [*pairs]} if len(value) == 1:
            yield from _object(pairs, null)
        case dict() if not is_tagged(value):
            yield from _object(value.items(), null)
        case str():
            yield json.dumps(value, ensure_ascii=False)
        case _:
            yield scalar(value, null)


def _unquoted(rows: list[Any]) -> list[Any]:
    """The rows of an array of dates or times, each as if it stood alone."""
    return [_unquoted(row) if isinstance(row, list) else {"$datetime": row} if row else row for row in rows]


def _object(pairs: Any, null: str) -> Iterator[str]:
    yield "{"
    yield from _separated(_pair(key, value, null) for key, value in pairs)
    yield "}"


def _pair(key: Any, value: Any, null: str) -> Iterator[str]:
    yield from _parts(key, null)
    yield ": "
    yield from _parts(value, null)


def _separated(items: Iterator[Iterator[str]]) -> Iterator[str]:
    for place, item in enumerate(items):
        if place:
            yield ", "
        yield from item


def scalar(value: Any, null: str = "nothing") -> str:
    """Return one value that holds no others as text; a string as it is."""
    match value:
        case None:
            return null
        case bool():
            return "true" if value else "false"
        case float():
            return float_text(value)
        case Decimal():
            return str(value).replace("E+", "e").replace("E", "e")
        case {"$complex": [real, imaginary]}:
            text = scalar(imaginary, null)
            sign, text = ("-", text[1:]) if text.startswith("-") else ("+", text)
            return f"{scalar(real, null)} {sign} {text}im"
        case {"$rational": [over, under]}:
            return f"{over}//{under}"
        case {"$range": [*bounds]}:
            return ":".join(scalar(bound, null) for bound in bounds)
        case {"$symbol": str(name)}:
            return f":{name}"
        case {"$missing": True}:
            return "missing"
        case dict() if is_tagged(value):
            content = next(iter(value.values()))
            text = content if isinstance(content, str) else written(content, null=null)
            return _FLOATS.get(text, text)
    return str(value)


def float_text(value: float) -> str:
    """Return a float with all its digits, as Julia writes it: ``0.1``, ``1.0e-5``, ``1.0e6``.

    >>> float_text(0.1 + 0.2)
    '0.30000000000000004'
    """
    text = repr(value)
    if value in (float("inf"), float("-inf")):
        return "Inf" if value > 0 else "-Inf"
    if value != value:
        return "NaN"
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return text
    sign, digits, exponent = Decimal(text).as_tuple()
    shown = "".join(map(str, digits)).rstrip("0") or "0"
    power = int(exponent) + len(digits) - 1
    return f"{'-' if sign else ''}{shown[0]}.{shown[1:] or '0'}e{power}"
