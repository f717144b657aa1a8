"""Tasks as pandas has them in hand, and as a spreadsheet takes them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from taskq_widgets.table.values import Row, json_text

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = re.compile(r"[-+]?[\d.]+([eEf][-+]?\d+)?|[-+]?Inf|NaN")


def frame_of(rows: Iterable[Row]) -> pd.DataFrame:
    """Return tasks as a DataFrame, in their order, indexed by their numbers.

    Besides the columns of `taskq_kernel.client.frame.make_frame` there are ``code``, and a
    column for each argument, of the type that its values have. An argument with the name of another
    column is called ``arguments.<name>``.
    """
    import pandas as pd  # here, not above: a table that is only looked at needs none of it

    from taskq_kernel.client.frame import make_frame, with_arguments

    rows = list(rows)
    frame = make_frame(rows)
    frame["code"] = pd.Series([row.get("code") for row in rows], index=frame.index, dtype="string")
    return with_arguments(frame, rows)


def as_csv(rows: Iterable[Row]) -> bytes:
    """Return tasks as CSV in UTF-8, a line each, in their order, with whole values.

    Spreadsheets run a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a formula, and
    the texts here may be another user's: such a text, unless it is a number, gets an
    apostrophe in front, which spreadsheets take as *this is text*.
    """
    rows = list(rows)
    frame = frame_of(rows)
    frame["value"] = [_whole(row) for row in rows]
    frame = frame.drop(columns="value_text").rename(columns=_harmless).reset_index()
    for name in frame.columns:
        if frame[name].dtype == object or str(frame[name].dtype) == "string":
            frame[name] = frame[name].map(_harmless)
    text: str = frame.to_csv(index=False, lineterminator="\r\n", date_format="%Y-%m-%dT%H:%M:%S.%fZ")
    return text.encode()


def _whole(row: Row) -> Any:
    """Return a value to be written down: a number or text as it is, anything else as JSON."""
    value = row.get("value")
    if value is None:
        return row.get("valueText")  # too large to travel with its task: how it begins
    return json_text(value) if isinstance(value, dict | list | bool) else value


def _harmless(value: Any) -> Any:
    if isinstance(value, dict | list):
        value = json_text(value)
    if isinstance(value, str) and value[:1] in "=+-@\t\r" and value and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
