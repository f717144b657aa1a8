"""A Python in which tasks have two fields that no release has, to see where a new field goes by itself."""

from __future__ import annotations

import json
import subprocess
import sys

#: Puts a field that no release has into the table, before anything is made of that, and a column for it.
MADE_UP = """
import json, sys
import sqlalchemy as sa
from taskq_kernel import task_fields as t

t.TASK_FIELDS += (
    t.TaskField(
        "mood_today", "String", t.Lifetime.OUTCOME, "How it feels.", t.Of.ROW | t.Of.COLUMN | t.Of.ANSWER,
        dtype="string", label="Mood", sortable=True,
    ),
    t.TaskField("tool_box", "Int", t.Lifetime.FIXED, "What it has at hand.", late=True,
        given=t.Given("What to take.", shared=True)),
)
t.SHARED_FIELDS += t.TASK_FIELDS[-1:]
from taskq_kernel.store import tables
tables.tasks.append_column(sa.Column("mood_today", sa.Text))
tables.tasks.append_column(sa.Column("tool_box", sa.Integer))
"""


def with_made_up(code: str) -> object:
    """What a Python says with the made-up fields, as JSON."""
    said = subprocess.run([sys.executable, "-c", MADE_UP + code], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)
