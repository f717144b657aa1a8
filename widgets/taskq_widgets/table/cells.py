"""What a row says: the short form of a task's fields, made in Python, shown as it is.

A row travels as a list, in the order of `CELLS`. The browser adds nothing but the time
that has passed since.
"""

from __future__ import annotations

import math
from typing import Any

from taskq_widgets.table.columns import STATUSES

#: What a row holds, in this order. `table.js` has the same list.
CELLS = (
    "number", "name", "code", "value", "whole", "kind", "status", "progress", "note", "seconds", "worker",
    "attempt", "attempts", "created", "started",
)  # fmt: skip

#: Columns of the model that a row is made from.
SOURCES = (
    "number", "name", "code", "value_text", "value_number", "error", "status", "progress", "progress_message",
    "seconds", "worker", "attempt", "max_attempts", "created", "started",
)  # fmt: skip

_NAME_WIDTH = 160
_CODE_WIDTH = 96
_VALUE_WIDTH = 60
_WHOLE_WIDTH = 500


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


def row(
    number: int, name: str, code: str, value_text: str, value_number: float, error: str, status: int,
    progress: float, progress_message: str, seconds: float, worker: str, attempt: int, max_attempts: int,
    created: float, started: float,
) -> list[Any]:  # fmt: skip
    """Return a task's row from the values of its `SOURCES`."""
    value, whole, kind = shown_value(value_text, value_number, error if STATUSES[status] == "FAILED" else "")
    return [
        number, cut(name, _NAME_WIDTH), code_preview(code), value, whole, kind, STATUSES[status],
        _known(progress, 3), cut(progress_message, _NAME_WIDTH), _known(seconds, 3), worker, attempt, max_attempts,
        _known(created, 1), _known(started, 1),
    ]  # fmt: skip


def _known(number: float, decimals: int) -> float | None:
    return None if math.isnan(number) else round(number, decimals)
