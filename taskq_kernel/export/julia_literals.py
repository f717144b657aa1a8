"""Arguments as Julia code: what the worker makes of their JSON, written as a person would write it.

``docs/values.md`` tells the grammar; a test compares what these literals are in Julia with what a task was given.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from taskq_kernel.argument_names import KEYWORDS
from taskq_kernel.errors import InvalidTask

#: Writes the value that an uploaded file holds, by what stands for it.
Large = Callable[[Mapping[str, Any]], str]

_MOMENTS = {"$date": "Date", "$datetime": "DateTime", "$time": "Time"}
_FLOATS = {"NaN": "NaN", "Infinity": "Inf", "-Infinity": "-Inf"}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "$": "\\$", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
#: The largest integer up to which every one is a Float64.
_MOST_EXACT = 2**53


def no_large(about: Mapping[str, Any]) -> str:
    """Refuse a value that is in a file."""
    kind = about.get("type", "some type")
    raise InvalidTask(f"a value of {kind} among its arguments is too large for one file: export it into a folder")


def literal(value: Any, large: Large = no_large) -> str:
    """A value as Julia code.

    Parameters
    ----------
    value : object
        Decoded JSON of an argument, tags and all.
    large : callable
        Writes what ``{"$value": ...}`` stands for.

    Raises
    ------
    InvalidTask
        If it holds something that cannot be written.
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -(2**63) <= value < 2**63 else f'parse(BigInt, "{Decimal(value)}")'
    if isinstance(value, float | Decimal):
        return _number(value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return _object(value, large)
    return _list(list(value), large)


def text(value: str) -> str:
    """A text as Julia writes it."""
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in value) + '"'


def name(word: str) -> str:
    """A name of a variable or of a keyword, whatever is in it."""
    return word if word.isidentifier() and word not in KEYWORDS else f"var{text(word)}"


def _number(value: float | Decimal) -> str:
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        return repr(value) if math.isfinite(value) else ("Inf" if value > 0 else "-Inf")
    digits = len(value.as_tuple().digits)
    return f'parse(BigFloat, "{value}"; precision = {max(256, math.ceil(digits * math.log2(10)) + 8)})'


def _object(value: Mapping[str, Any], large: Large) -> str:
    if len(value) == 1:
        tag, inner = next(iter(value.items()))
        written = _tagged(tag, inner, large) if tag.startswith("$") else None
        if written is not None:
            return written
    pairs = ", ".join(f"{text(key)} => {literal(item, large)}" for key, item in value.items())
    return f"Dict{{String,Any}}({pairs})"


def _tagged(tag: str, inner: Any, large: Large) -> str | None:
    """What a tag stands for; None where its content does not fit, which makes it an object like any other."""
    match tag, inner:
        case "$int", str():
            return f'parse(BigInt, "{inner.replace("0x", "")}"; base = 16)'
        case "$float", str():
            return _FLOATS.get(inner) or _number(Decimal(inner))
        case "$symbol", str():
            return f"Symbol({text(inner)})"
        case "$missing", True:
            return "missing"
        case ("$date" | "$datetime" | "$time"), str():
            return f'Dates.{_MOMENTS[tag]}("{inner}")'
        case "$range", [*ends] if len(ends) in (2, 3):
            return "(" + ":".join(literal(end) for end in ends) + ")"
        case "$complex", [re, im]:
            return f"complex({literal(re)}, {literal(im)})"
        case "$rational", [p, q]:
            return f"({literal(p)} // {literal(q)})"
        case "$dict", [*pairs]:
            written = ", ".join(f"{literal(key, large)} => {literal(item, large)}" for key, item in pairs)
            return f"Dict{{Any,Any}}({written})"
        case "$array", [str() as kind, rows, *size]:
            return array(kind, rows, size[0] if size else None)
        case "$value", dict():
            return large(inner)
    return None


def array(kind: str, rows: Sequence[Any], size: Sequence[int] | None = None) -> str:
    """An array that Julia calls ``kind``, of nested rows, the first index outermost."""
    element = kind[kind.index("{") + 1 : kind.rindex("}")] if "{" in kind else "Bool"
    if not element.startswith("Union"):
        element = element.partition(",")[0].strip()
    elif kind.startswith("Array"):
        element = element.rpartition(",")[0].strip()
    if kind.startswith("BitArray"):
        element = "Bool"
    if size is not None:
        return f"Array{{{_qualified(element)}}}(undef, {', '.join(map(str, size))})"
    shape, flat = _flat(rows)
    items = ", ".join(_entry(item, element) for item in flat)
    written = f"{_qualified(element)}[{items}]"
    return written if len(shape) == 1 else f"reshape({written}, {', '.join(map(str, shape))})"


def _flat(rows: Sequence[Any]) -> tuple[list[int], list[Any]]:
    """The shape of nested rows, and their entries in Julia's order: the first index fastest."""
    if not rows or not isinstance(rows[0], list):
        return [len(rows)], list(rows)
    parts = [_flat(row) for row in rows]
    interleaved = zip(*(flat for _, flat in parts), strict=True)
    return [len(rows), *parts[0][0]], [item for group in interleaved for item in group]


def _qualified(element: str) -> str:
    """The type of an array's entries, which Julia may have written without the module that it is of."""
    return re.sub(r"(?<!\.)\b(DateTime|Date|Time)\b", r"Dates.\1", element)


def _entry(item: Any, element: str) -> str:
    if item is None and "Missing" in element:
        return "missing"
    moment = next((one for one in ("DateTime", "Date", "Time") if one in element), None)
    return f'Dates.{moment}("{item}")' if moment and isinstance(item, str) else literal(item)


def _list(items: list[Any], large: Large) -> str:
    """A list, of the type of vector that the worker makes of it."""
    kinds = {_kind(item) for item in items}
    holes = "missing" in kinds
    kinds.discard("missing")
    if kinds == {"Int", "Float64"} and all(abs(item) <= _MOST_EXACT for item in items if type(item) is int):
        kinds = {"Float64"}
    written = ", ".join(literal(item, large) for item in items)
    if len(kinds) == 1 and (kind := kinds.pop()) is not None:
        return f"Union{{Missing,{kind}}}[{written}]" if holes else f"{kind}[{written}]"
    if holes and not kinds and items:
        return f"Missing[{written}]"
    return f"Any[{written}]"


def _kind(item: Any) -> str | None:
    """The type of a vector of such entries; None where it is one of anything."""
    for kind, name_ in ((bool, "Bool"), (float, "Float64"), (Decimal, "BigFloat"), (str, "String")):
        if isinstance(item, kind):
            return name_
    if isinstance(item, int):
        return "Int" if -(2**63) <= item < 2**63 else "BigInt"
    if isinstance(item, Mapping) and len(item) == 1:
        tag, inner = next(iter(item.items()))
        if tag == "$missing":
            return "missing"
        if tag in _MOMENTS:
            return f"Dates.{_MOMENTS[tag]}"
        if tag == "$float":
            return "Float64" if inner in _FLOATS else "BigFloat"
        if tag == "$complex" and all(_kind(part) == "Float64" for part in inner):
            return "ComplexF64"
        return "BigInt" if tag == "$int" else None
    return None
