"""What is done and old can be pruned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Note when a task was trimmed, and find tombstones by their age."""
    op.add_column("tasks", sa.Column("trimmed_at", sa.Double()))
    op.create_index(
        "ix_tasks_deleted_at_number", "tasks", ["deleted_at", "number"],
        sqlite_where=sa.text("deleted_at IS NOT NULL"), postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )


def downgrade() -> None:
    """Drop both."""
    op.drop_index("ix_tasks_deleted_at_number", "tasks")
    op.drop_column("tasks", "trimmed_at")
