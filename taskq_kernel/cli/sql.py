"""``taskq results --sql``: the results database as somebody asks it."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import click

from taskq_kernel import exact_json
from taskq_kernel.cli import DONE, output
from taskq_kernel.client.display import cut
from taskq_kernel.settings import load_settings
from taskq_kernel.store.reading import Table, read
from taskq_kernel.store.urls import results_url

#: Rows of a table in a terminal, and characters of a cell.
_ROWS, _WIDTH = 1_000, 60


def ask(sql: str, limit_s: float, out: Path | None, as_json: bool) -> int:
    """Run a statement, and write its rows as a table, as JSON, or into a file of either or of CSV."""
    kind = out.suffix.lower() if out is not None else ".json" if as_json else ""
    if out is not None and kind not in (".csv", ".json"):
        raise click.BadParameter(f"{out.name!r}: rows of --sql are written as .csv or .json")
    with read(results_url(load_settings()), sql, limit_s) as table:
        if out is None:
            _show(table) if not as_json else _write_json(table, sys.stdout)
            return DONE
        with out.open("w", encoding="utf-8", newline="") as file:
            count = _write_json(table, file) if kind == ".json" else _write_csv(table, file)
    output.note(f"{count:,} rows are in {out}")
    return DONE


def _show(table: Table) -> None:
    rows = [[cut(_text(cell), _WIDTH) for cell in row] for row, _ in zip(table.rows, range(_ROWS + 1), strict=False)]
    output.columns([table.columns, *rows[:_ROWS]])
    if len(rows) > _ROWS:
        output.note(f"the first {_ROWS:,} rows: --out writes all of them")


def _write_csv(table: Table, file: TextIO) -> int:
    writer = csv.writer(file)
    writer.writerow(table.columns)
    count = 0
    for row in table.rows:
        writer.writerow([_text(cell) if isinstance(cell, bytes) else cell for cell in row])
        count += 1
    return count


def _write_json(table: Table, file: TextIO) -> int:
    count = 0
    file.write("[")
    for count, row in enumerate(_objects(table), 1):
        file.write(f"{',' if count > 1 else ''}\n{output.as_json(row).decode()}")
    file.write("\n]\n" if count else "]\n")
    return count


def _objects(table: Table) -> Iterable[dict[str, Any]]:
    for row in table.rows:
        cells = (cell if _is_plain(cell) else _text(cell) for cell in row)
        yield dict(zip(table.columns, cells, strict=True))


def _is_plain(cell: Any) -> bool:
    return cell is None or isinstance(cell, str | int | float)


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    return cell if isinstance(cell, str) else exact_json.encode(cell).decode() if _is_plain(cell) else str(cell)
