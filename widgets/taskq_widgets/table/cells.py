"""What a row says: the short form of a task's fields, made in Python, shown as it is.

A row travels as a list, in the order of `taskq_widgets.table.columns.CELLS`. The browser adds nothing but the time
that has passed since.
"""

from __future__ import annotations

import math
import re
from typing import Any

from taskq_kernel.value_text import argument_text
from taskq_widgets.table.columns import PLAIN
from taskq_widgets.table.values import Row, error_text, json_text, seconds_of

_PLAIN = tuple(field.graphql for field in PLAIN)
_NAME_WIDTH = 160
_CODE_WIDTH = 96
_VALUE_WIDTH = 60
_WHOLE_WIDTH = 500

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eEf][-+]?\d+)?")
_FLOATS = {"NaN": float("nan"), "Inf": float("inf"), "-Inf": float("-inf")}


def short_number(number: float) -> str:
    """Write a number in few characters: four significant digits, scientific where that is shorter.

    >>> [short_number(x) for x in (0.49983, 1.2e-7, 42, 3.0, 1234.567, 6.02214e23)]
    ['0.4998', '1.2e-7', '42', '3.0', '1234.6', '6.022e23']
    """
    if isinstance(number, int) and abs(number) < 10**9:
        return str(number)
    try:
        number = float(number)
    except OverflowError:
        return _scientific_integer(int(number))
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else ("Inf" if number > 0 else "-Inf")
    if number == 0:
        return "0.0"
    if 1e-3 <= abs(number) < 1e5:
        return _plain(number)
    mantissa, exponent = f"{number:.3e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def _plain(number: float) -> str:
    """Write a number of ordinary size with four significant digits, one decimal at least."""
    decimals = max(1, 3 - math.floor(math.log10(abs(number))))
    text = f"{number:.{decimals}f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def _scientific_integer(number: int) -> str:
    digits = str(abs(number))
    mantissa = f"{digits[0]}.{digits[1:4]}".rstrip("0").rstrip(".")
    return f"{'-' if number < 0 else ''}{mantissa}e{len(digits) - 1}"


def cut(text: str, width: int) -> str:
    """Return one line of at most ``width`` characters, with an ellipsis where something is missing."""
    line = " ".join(text[: 4 * width].split())
    return line if len(line) <= width and len(text) <= 4 * width else line[: width - 1] + "…"


def code_preview(code: str) -> str:
    """Return the start of code as one line, comments and blank lines left out."""
    lines = [line.strip() for line in code[:2000].splitlines()]
    said = [line for line in lines if line and not line.startswith("#")]
    return cut("; ".join(said) or code, _CODE_WIDTH)


def shown_value(text: str, number: float, error: str) -> tuple[str, str, str]:
    """Return a value's short form, the whole of it where that says more, and its kind.

    The kind is ``number``, ``text``, ``error``, or empty when there is nothing to show.
    """
    if error:
        return _with_whole(error, cut(error, _VALUE_WIDTH), "error")
    if not text:
        return "", "", ""
    if not math.isnan(number):
        return _with_whole(text, _short_text(text, number), "number")
    return _with_whole(text, cut(text, _VALUE_WIDTH), "text")


def _short_text(text: str, number: float) -> str:
    """Shorten a number's text; an integer stays one, whatever its size as a float."""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit():
        return text if len(digits) < 10 else _scientific_integer(int(text[:4300]))
    short = short_number(number)
    return short if len(short) < len(text) else cut(text, _VALUE_WIDTH)


def _with_whole(text: str, short: str, kind: str) -> tuple[str, str, str]:
    whole = text if len(text) <= _WHOLE_WIDTH else text[: _WHOLE_WIDTH - 1] + "…"
    return short, "" if whole == short else whole, kind


def number_of(text: str, julia_type: str) -> float:
    """Return a value's text as a number, NaN when it is none: the text "42" of a ``String`` is not."""
    if not text or julia_type.startswith(("String", "Char", "Symbol", "Date")):
        return float("nan")
    if _NUMBER.fullmatch(text):
        return float(text.replace("f", "e"))  # Julia writes a Float32 as 1.5f-7
    return _FLOATS.get(text, float("nan"))


def cells_of(row: Row) -> list[Any]:
    """Return what a task's row says, in the order of `CELLS`."""
    status, text = row["status"], row.get("valueText") or ""
    error = error_text(row.get("error")) if status == "FAILED" else ""
    value, whole, kind = shown_value(text, number_of(text, row.get("valueType") or ""), error)
    return [
        row["number"], cut(row["name"] or "", _NAME_WIDTH), code_preview(row.get("code") or ""), value, whole, kind,
        status, _rounded(row.get("progress"), 3), cut(row.get("progressMessage") or "", _NAME_WIDTH),
        _rounded(row.get("seconds"), 3), row["attempt"], row["maxAttempts"],
        _rounded(seconds_of(row.get("createdAt")), 1), _rounded(seconds_of(row.get("startedAt")), 1),
        [[name, cut(_argument(value), _VALUE_WIDTH)] for name, value in (row.get("arguments") or {}).items()],
        *(row.get(name) or "" for name in _PLAIN),
    ]  # fmt: skip


def _argument(value: Any) -> str:
    return value if isinstance(value, str) else argument_text(json_text(value))


def _rounded(number: float | None, decimals: int) -> float | None:
    return None if number is None or math.isnan(number) else round(number, decimals)
