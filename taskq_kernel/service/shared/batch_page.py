"""The page of a batch: its picture, its points by the page, and why some failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from taskq_kernel.domain import FINAL, TaskStatus
from taskq_kernel.durations import seconds_text
from taskq_kernel.service.shared import facts
from taskq_kernel.service.shared.batch_plot import batch_picture, value_fields
from taskq_kernel.service.shared.large_values import has_parts
from taskq_kernel.service.shared.picture import Picture
from taskq_kernel.service.shared.reading import PAGE, BatchRead
from taskq_kernel.service.shared.recipe_words import Words, words_of
from taskq_kernel.service.shared.task_page import Place, footer
from taskq_kernel.service.shared.value_blocks import CELL, VALUE, cell, cut
from taskq_kernel.store.rows import TaskRow
from taskq_kernel.value_text import null_word

#: How often the page of a batch that is not done is asked for anew, in seconds.
REFRESH_S = 15
#: Columns of arguments, and of fields of values, in the table of points.
COLUMNS = 12
#: Characters of a row of numbers in that table.
_PARTS = 32
#: Causes of failures that are listed.
_FAILURES = 20


def batch_page(read: BatchRead, drawn: Sequence[TaskRow], place: Place, number: int) -> dict[str, Any]:
    """What the template of a batch's page is given.

    Parameters
    ----------
    drawn : sequence of TaskRow
        The points that the picture is made of.
    number : int
        Which page of the points, from 1.
    """
    total = sum(read.counts.values())
    left = total - sum(read.counts[str(status)] for status in FINAL)
    last = max(1, -(-read.total // PAGE))
    words = _words(read)
    head, rows = _table(read, words)
    picture = picture_of(read, drawn)
    return {
        "name": batch_name(read), "title": words.title, "page": place.page, "token": place.token,
        "counts": read.counts, "total": total, "left": left, "picture": picture,
        "refresh_s": REFRESH_S if left and not place.still else None,
        "drawn_note": _drawn_note(read, drawn), "head": head, "rows": rows, "number": number, "last": last,
        "first_shown": (number - 1) * PAGE + 1, "made_total": read.total,
        "failures": list(read.failures)[:_FAILURES], "made": [] if read.row is None else facts.batch_made(read.row),
        "code": "" if read.definition is None else cut(read.definition.code), "footer": footer(place),
    }


def picture_of(read: BatchRead, drawn: Sequence[TaskRow]) -> Picture | None:
    """The picture of a batch."""
    return batch_picture(drawn, sum(read.counts.values()), read.names, _words(read))


def _words(read: BatchRead) -> Words:
    definition = read.definition
    return words_of(None if read.row is None else read.row.recipe, None if definition is None else definition.code)


def batch_name(read: BatchRead) -> str:
    """What a batch is called; tasks that were submitted together have no name."""
    return f"{sum(read.counts.values()):,} tasks" if read.row is None else read.row.name


def export_rows(rows: Sequence[TaskRow], arguments: Sequence[str], fields: Sequence[str]) -> list[list[Any]]:
    """Points as rows of a file."""
    table = []
    for row in rows:
        given, value = facts.parsed_arguments(row), value_fields(row)
        table.append([
            row.point, row.number, *(given.get(name) for name in arguments), row.status,
            *(value.get(name) for name in fields), row.seconds, row.seed, row.error_name,
        ])
    return table


def export_head(arguments: Sequence[str], fields: Sequence[str]) -> list[str]:
    """What stands above the columns of `export_rows`.

    Arguments keep their names; another column of a name that is there gets an underscore, as in a frame.
    """
    there: set[str] = set()

    def free(name: str) -> str:
        while name in there:
            name += "_"
        there.add(name)
        return name

    given = [free(facts.parameter_name(name)) for name in arguments]
    point, number, status = map(free, ("point", "number", "status"))
    return [point, number, *given, status, *map(free, fields), *map(free, ("seconds", "seed", "error"))]


def names_in(read: BatchRead, rows: Sequence[TaskRow]) -> tuple[list[str], list[str]]:
    """The arguments of points, and the fields of their values."""
    arguments = dict.fromkeys([*read.names, *(name for row in rows for name in facts.parsed_arguments(row))])
    fields = dict.fromkeys(name for row in rows for name in value_fields(row))
    return list(arguments), list(fields)


def _table(read: BatchRead, words: Words) -> tuple[list[str], list[dict[str, Any]]]:
    given_names, value_names = names_in(read, read.points)
    arguments = words.ordered(given_names)[:COLUMNS]
    # What a cell can tell whole stands before rows of numbers.
    long = {name for row in read.points for name, item in value_fields(row).items() if has_parts(item)}
    fields = sorted(value_names, key=long.__contains__)[:COLUMNS]
    head = [*(cut(words.argument(name), CELL) for name in arguments), "status"]
    rows = []
    for row in read.points:
        given, value = facts.parsed_arguments(row), value_fields(row)
        null = null_word(row.value_text or "", row.value_type or "", "nothing")
        rows.append({
            "number": row.number, "status": row.status,
            "point": row.number if row.point is None else row.point,
            "arguments": [cell(given[name]) if name in given else "" for name in arguments],
            "values": [_shown(value[name], null) if name in value else "" for name in fields] or [""],
            "text": _said(row) if not value else "", "ran": seconds_text(row.seconds),
        })
    return [*head, *(cut(words.result(name), CELL) for name in fields or [VALUE])], rows


def _shown(item: Any, null: str) -> str:
    """A field of a value in a cell; of a row of numbers the first, in one line."""
    text = cell(item, null)
    return cut(text, _PARTS).replace(" ", "\u00a0") if has_parts(item) else text


def _said(row: TaskRow) -> str:
    if row.status == TaskStatus.FAILED:
        return cut(f"{row.error_name}: {row.error_message}", CELL)
    return cut(row.value_text or "", CELL)


def _drawn_note(read: BatchRead, drawn: Sequence[TaskRow]) -> str:
    return f"The picture is made of the first {len(drawn):,} points." if len(drawn) < read.total else ""
