"""Counts by owner and status are kept, and minutes have an owner."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count once what is there."""
    op.create_table(
        "task_counts",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "status", name="pk_task_counts"),
    )
    op.execute(
        "INSERT INTO task_counts (owner, status, count) "
        "SELECT owner, status, count(*) FROM tasks WHERE deleted_at IS NULL GROUP BY owner, status"
    )
    op.drop_table("minutes")
    op.create_table(
        "minutes",
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("finished", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("at", "owner", name="pk_minutes"),
    )
    # The hour before the migration, so that the overview has no hole.
    tasks = sa.table("tasks", *map(sa.column, ("owner", "status", "finished_at", "deleted_at")))
    minute = sa.cast(sa.func.floor(tasks.c.finished_at / 60), sa.BigInteger)
    if op.get_bind().dialect.name == "sqlite":  # which may lack floor, and cuts off as it casts
        minute = sa.cast(tasks.c.finished_at / 60, sa.BigInteger)
    good, bad = (
        sa.func.sum(sa.case((tasks.c.status == status, 1), else_=0)) for status in ("FINISHED", "FAILED")
    )
    last = sa.select(sa.func.coalesce(sa.func.max(tasks.c.finished_at), 0)).scalar_subquery()
    recent = (
        sa.select((minute * 60).label("at"), tasks.c.owner, good, bad)
        .where(
            tasks.c.deleted_at.is_(None), tasks.c.status.in_(("FINISHED", "FAILED")),
            tasks.c.finished_at > last - 2 * 3600,
        )
        .group_by(sa.text("1"), tasks.c.owner)
    )
    minutes = sa.table("minutes", *map(sa.column, ("at", "owner", "finished", "failed")))
    op.execute(minutes.insert().from_select(["at", "owner", "finished", "failed"], recent))


def downgrade() -> None:
    """Go back to counting."""
    op.drop_table("task_counts")
    op.drop_table("minutes")
    op.create_table(
        "minutes",
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("finished", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("at", name="pk_minutes"),
    )
