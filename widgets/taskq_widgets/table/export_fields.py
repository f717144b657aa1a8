"""Writes what the browser's script knows of a task's fields: ``python -m taskq_widgets.table.export_fields``."""

from __future__ import annotations

from pathlib import Path

from taskq_widgets.table.columns import as_text

#: Where the sources are from which the widgets' scripts are bundled.
FILE = Path(__file__).parents[2] / "js" / "table" / "fields.json"

if __name__ == "__main__":
    FILE.write_text(as_text(), "utf-8")
