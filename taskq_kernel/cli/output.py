"""What commands write: JSON for programs, tables and plain text for people.

Much of it was written by others: names, messages, errors, values. No text gets to a
terminal but through `taskq_kernel.printable`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import click
import msgspec

from taskq_kernel import exact_json
from taskq_kernel.cli import PIPE_CLOSED
from taskq_kernel.client.display import cut, said_by, status_of
from taskq_kernel.durations import seconds_text
from taskq_kernel.printable import one_line, printable, printable_but_colours, printable_json

#: rich's styles for each status.
STYLES = {
    "QUEUEING": "dim",
    "RUNNING": "blue",
    "FINISHED": "green",
    "FAILED": "red",
    "CANCELLED": "yellow",
}


def write(text: str | bytes) -> None:
    """Write to standard output at once: text as `printable`, bytes as they are.

    A reader that went away ends the command silently.
    """
    data = printable(text).encode(errors="replace") if isinstance(text, str) else text
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        pipe_closed()


def write_coloured(text: str, before: str = "") -> None:
    """Write text with its colours to a terminal that has them; ``before`` moves its cursor, and is ours."""
    write((before + printable_but_colours(text)).encode(errors="replace"))


def has_colours() -> bool:
    """Whether standard output is a terminal that shows colours, and nobody has asked for none."""
    return for_people() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def pipe_closed() -> NoReturn:
    """End the command: nobody reads its output any longer."""
    # Python would complain when it flushes standard output at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise click.exceptions.Exit(PIPE_CLOSED)


def line(text: str = "") -> None:
    """Write a line to standard output."""
    write(f"{text}\n")


def note(text: str) -> None:
    """Write a line to standard error."""
    click.echo(printable(text), err=True)


def as_json(value: Any) -> bytes:
    """A value as JSON on one line, every digit of it, without control characters."""
    return printable_json(exact_json.encode(value))


def json_document(value: Any) -> None:
    """Write a value as JSON, indented."""
    write(msgspec.json.format(as_json(value), indent=2) + b"\n")


def for_people() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def columns(cells: Sequence[Sequence[str]]) -> None:
    """Write rows of texts as plain columns."""
    cells = [[one_line(text) for text in row] for row in cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    write("".join("  ".join(map(str.ljust, row, widths)).rstrip() + "\n" for row in cells))


#: Titles of the columns of a table of tasks, and on which side they stand.
COLUMNS = {
    "number": "right",
    "name": "left",
    "status": "left",
    "progress": "right",
    "value": "left",
    "seconds": "right",
    "worker": "left",
}


def row_cells(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The cells of a task's row: text, and rich's style for it."""
    status = status_of(row)
    progress = row.get("progress")
    shown = f"{100 * progress:.0f} %" if progress is not None and status == "RUNNING" else ""
    said = row.get("progressMessage") or "" if status == "RUNNING" else said_by(row)
    return [
        (str(row["number"]), "bold"),
        (cut(row["name"], 60), ""),
        (status, STYLES.get(status, "")),
        (shown, "blue"),
        (cut(said, 200 if for_people() else 60), "red" if status == "FAILED" else ""),
        (seconds_text(row.get("seconds")), ""),
        (cut(row.get("worker") or ""), "dim"),
    ]


def rich_table(rows: Sequence[Mapping[str, Any]], width: int) -> Any:
    """Tasks as a rich table, each on one line of a terminal of this width."""
    # late: only a terminal's tables need rich
    from rich import box
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    wide = width >= _WIDE
    widths = _column_widths(width - (3 if wide else 1) * (len(COLUMNS) - 1), wide)
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, int(wide)), header_style="bold")
    for title, side in COLUMNS.items():
        made.add_column(
            title,
            justify="right" if side == "right" else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=widths[title],
        )
    for row in rows:
        cells: list[Any] = [Text(text, style) for text, style in row_cells(row)]
        if row["status"] == "RUNNING" and row.get("progress") is not None:
            cells[list(COLUMNS).index("progress")] = ProgressBar(1.0, row["progress"], width=widths["progress"])
        made.add_row(*cells)
    return made


#: Terminals from this width on have room between the columns and for long workers' names.
_WIDE = 110


def _column_widths(room: int, wide: bool) -> dict[str, int]:
    """The widths of the columns: name and value share what the others leave."""
    fixed = {"number": 6, "status": 9, "progress": 12 if wide else 8, "seconds": 10 if wide else 7}
    fixed["worker"] = 16 if wide else 8
    left = max(20, room - sum(fixed.values()))
    name = max(8, min(44, left * 9 // 20))
    return fixed | {"name": name, "value": left - name}
