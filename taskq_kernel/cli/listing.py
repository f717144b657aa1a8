"""Tasks as ``taskq ls`` lists them: every column that says something and that the terminal has room for.

In a terminal a column that is empty in every row takes no room, what is short is never
cut, and what is long shares what is left. Elsewhere all columns are written, so that a
program finds each in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from taskq_kernel.argument_names import is_place
from taskq_kernel.cli import output
from taskq_kernel.cli.times import age
from taskq_kernel.client.display import cut, said_by, status_of
from taskq_kernel.durations import seconds_text
from taskq_kernel.value_text import argument_text

#: The columns in their order; those of numbers stand on the right.
COLUMNS = ("number", "name", "status", "value", "seconds", "age", "owner", "arguments", "worker")
_RIGHT = frozenset({"number", "seconds", "age"})
#: What may be cut, and to which width at least.
_FLEXIBLE = {"value": 12, "name": 16, "arguments": 10, "worker": 8, "owner": 8}
#: What is left out first where there is no room.
_DISPENSABLE = ("worker", "arguments", "owner", "seconds", "age")
_GAP = 2
#: Characters of a cell elsewhere than in a terminal.
_PLAIN = 60


def write(rows: Sequence[Mapping[str, Any]]) -> None:
    """Write tasks, with GraphQL's field names, to standard output."""
    cells = [_cells(row) for row in rows]
    if not output.for_people():
        output.columns([list(COLUMNS), *([cut(row[name], _PLAIN) for name in COLUMNS] for row in cells)])
        return
    # late: a pipe gets plain columns, and needs no rich
    from rich.console import Console

    console = Console()
    try:
        console.print(_table(rows, cells, console.width))
    except BrokenPipeError:
        output.pipe_closed()


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    status = status_of(row)
    said = said_by(row)
    return {
        "number": str(row["number"]),
        "name": cut(row["name"]),
        "status": status,
        "value": cut(said, 200),
        "seconds": seconds_text(row.get("seconds")),
        "age": age(row["createdAt"]),
        "owner": cut(row["owner"]),
        "arguments": cut(arguments_text(row.get("arguments") or {})),
        "worker": cut(row.get("worker") or ""),
    }


def arguments_text(arguments: Mapping[str, Any]) -> str:
    """Arguments on one line: ``n=100, method="euler"``."""
    texts = ((name, argument_text(output.as_json(value).decode())) for name, value in arguments.items())
    return ", ".join(text if is_place(name) else f"{name}={text}" for name, text in texts)


def _table(rows: Sequence[Mapping[str, Any]], cells: Sequence[Mapping[str, str]], width: int) -> Any:
    # late: as in `write`
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0), header_style="bold")
    widths = column_widths(cells, width)
    for name, room in widths.items():
        made.add_column(
            name, justify="right" if name in _RIGHT else "left", no_wrap=True, overflow="ellipsis", width=room
        )
    for row, texts in zip(rows, cells, strict=True):
        failed = status_of(row) == "FAILED"
        styles = {
            "number": "bold", "status": output.STYLES.get(status_of(row), ""), "value": "red" if failed else "",
            "age": "dim", "owner": "dim", "worker": "dim",
        }  # fmt: skip
        made.add_row(*(Text(texts[name], styles.get(name, "")) for name in widths))
    return made


def column_widths(cells: Sequence[Mapping[str, str]], width: int) -> dict[str, int]:
    """The columns that fit into a terminal of this width, and how wide each is.

    Parameters
    ----------
    cells : sequence of dict
        The rows, with a text for each of `COLUMNS`.
    width : int
        The terminal's width, in characters.
    """
    # late: as in `write`
    from rich.cells import cell_len

    needed = {name: max((cell_len(row[name]) for row in cells), default=0) for name in COLUMNS}
    shown = [name for name in COLUMNS if needed[name] or name in ("number", "name", "status")]
    if len({row["owner"] for row in cells}) < 2:  # everything is the asker's own
        shown = [name for name in shown if name != "owner" or _fits(shown, needed, width)]
    for name in _DISPENSABLE:
        if name in shown and not _fits(shown, needed, width, at_least=True):
            shown.remove(name)
    widths = {name: max(needed[name], len(name)) for name in shown}
    while sum(widths.values()) + _GAP * (len(widths) - 1) > width:
        longest = max((name for name in widths if name in _FLEXIBLE), key=lambda name: widths[name] - _FLEXIBLE[name])
        if widths[longest] <= len(longest):
            break
        widths[longest] -= 1
    return widths


def _fits(shown: Sequence[str], needed: Mapping[str, int], width: int, *, at_least: bool = False) -> bool:
    """Whether these columns fit whole, or with what may be cut at its least."""
    room = 0
    for name in shown:
        whole = max(needed[name], len(name))
        room += min(whole, _FLEXIBLE.get(name, whole)) if at_least else whole
    return room + _GAP * (len(shown) - 1) <= width
