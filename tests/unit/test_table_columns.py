"""The columns of the widgets' table: they follow the table of a task's fields, in Python and in the browser."""

from __future__ import annotations

from made_up_fields import with_made_up
from taskq_widgets.table.columns import as_text
from taskq_widgets.table.export_fields import FILE


def test_a_new_field_is_a_column_of_the_widgets_table() -> None:
    told = with_made_up("""
from taskq_widgets.table import cells, columns, query, source
from taskq_kernel.client.operations import FRAME
row = dict.fromkeys(FRAME.replace("{", "").replace("}", "").split()) | {
    "number": 1, "id": "a", "name": "n", "status": "QUEUEING", "attempt": 0, "lost": 0, "priority": 1,
    "maxAttempts": 1, "moodToday": "fine"}
print(json.dumps({
    "asked": "moodToday" in source.ROW.split(),
    "cell": dict(zip(columns.CELLS, cells.cells_of(row)))["mood_today"],
    "label": columns.for_browser()["labels"]["mood_today"],
    "plain": "mood_today" in columns.for_browser()["plain"],
    "sorted": query.SORTABLE["mood_today"],
}))
""")
    assert told == {
        "asked": True, "cell": "fine", "label": "Mood", "plain": True,
        "sorted": "MOOD_TODAY",
    }


def test_the_script_has_the_fields_that_python_has() -> None:
    assert FILE.read_text("utf-8") == as_text(), "python -m taskq_widgets.table.export_fields, then npm run build"
