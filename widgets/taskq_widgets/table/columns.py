"""The columns of the table of tasks: which fields they show, and what stands above them.

The browser's script has them from ``widgets/js/table/fields.json``, which
``python -m taskq_widgets.table.export_fields`` writes.
"""

from __future__ import annotations

import json

from taskq_kernel.task_fields import TASK_FIELDS, Of, TaskField, fields_of

#: Fields that a column shows as they are, as text.
PLAIN = fields_of(Of.COLUMN)
#: What a row holds besides, in this order: what is made of several fields, or shortened.
MADE = (
    "number", "name", "code", "value", "whole", "kind", "status", "progress", "note", "seconds",
    "attempt", "attempts", "created", "started", "arguments",
)  # fmt: skip
#: A row as it travels to the browser.
CELLS = (*MADE, *(field.name for field in PLAIN))


def column_of(field: TaskField) -> str:
    """The name of the column that shows a field."""
    return field.name.removesuffix("_at")


#: Columns that a view can be sorted by, and what the service calls each.
SORTABLE = {column_of(field): field.name.upper() for field in TASK_FIELDS if field.sortable and field.label}


def for_browser() -> dict[str, object]:
    """What the browser's script has to know: the cells of a row, and the columns' labels and orders."""
    return {
        "cells": CELLS,
        "plain": [field.name for field in PLAIN],
        "labels": {column_of(field): field.label for field in TASK_FIELDS if field.label},
        "sortable": list(SORTABLE),
    }


def as_text() -> str:
    """The same as it is checked in."""
    return json.dumps(for_browser(), indent=2) + "\n"
