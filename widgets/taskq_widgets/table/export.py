"""A selection of tasks as CSV."""

from __future__ import annotations

import re

from taskq_widgets.table.model import Slots, TableModel

_NUMBER = re.compile(r"[-+]?[\d.]+([eEf][-+]?\d+)?|[-+]?Inf|NaN")
_TEXTS = ("name", "worker", "queue", "owner", "error", "code", "value")


def as_csv(model: TableModel, slots: Slots) -> bytes:
    """Return tasks as CSV in UTF-8, a line each, in the order of ``slots``.

    Spreadsheets run a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a formula, and
    the texts here may be another user's: such a text, unless it is a number, gets an
    apostrophe in front, which spreadsheets take as *this is text*.
    """
    frame = model.frame(slots)
    for name in _TEXTS:
        frame[name] = frame[name].map(_harmless)
    text: str = frame.to_csv(index=False, lineterminator="\r\n", date_format="%Y-%m-%dT%H:%M:%S.%fZ")
    return text.encode()


def _harmless(value: object) -> object:
    if isinstance(value, str) and value[:1] in "=+-@\t\r" and value and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
