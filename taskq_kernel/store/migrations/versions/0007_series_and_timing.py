"""Tasks have series of numbers, and tell where their time went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to the new tables."""
    op.add_column("tasks", sa.Column("timing", sa.Text(), nullable=True))
    op.create_table(
        "task_series",
        sa.Column("task", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["tasks.number"], name="fk_task_series_task"),
        sa.PrimaryKeyConstraint("task", name="pk_task_series"),
    )


def downgrade() -> None:
    """Go back to the tables before."""
    op.drop_table("task_series")
    op.drop_column("tasks", "timing")
