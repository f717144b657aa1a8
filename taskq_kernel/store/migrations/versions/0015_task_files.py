"""Files that tasks are given, and those of their folders that are kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what tasks and batches say of files, and the table of those that are kept; no earlier task has any."""
    for table in ("tasks", "batches"):
        for column in ("input_files", "outputs"):
            op.add_column(table, sa.Column(column, sa.Text(), nullable=True))
    op.create_table(
        "task_files",
        sa.Column("task", _KEY, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["tasks.number"], name="fk_task_files_task"),
        sa.PrimaryKeyConstraint("task", "name", name="pk_task_files"),
    )
    op.create_index("ix_task_files_ref", "task_files", ["ref"])


def downgrade() -> None:
    """Drop them; what is in the files is removed like other blobs that no task names."""
    op.drop_table("task_files")
    for table in ("tasks", "batches"):
        for column in ("outputs", "input_files"):
            op.drop_column(table, column)
