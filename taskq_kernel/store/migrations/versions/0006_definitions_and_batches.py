"""Definitions, and batches of their points."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make their tables; tasks of earlier releases belong to none."""
    op.create_table(
        "definitions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("error_name", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_line", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["source"], ["sources.sha256"], name="fk_definitions_source"),
        sa.PrimaryKeyConstraint("id", name="pk_definitions"),
    )
    op.create_index("ix_definitions_source", "definitions", ["source"])
    op.create_table(
        "batches",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("timeout_s", sa.Double(), nullable=True),
        sa.Column("memory_limit", sa.BigInteger(), nullable=True),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("cancelled_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["definition"], ["definitions.id"], name="fk_batches_definition"),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
    )
    op.create_index("ix_batches_definition", "batches", ["definition"])
    op.create_index("uq_batches_owner_name", "batches", ["owner", "name"], unique=True)
    op.create_index("ix_batches_created_at", "batches", ["created_at"])
    unmade = sa.text("made < total AND cancelled_at IS NULL")
    op.create_index("ix_batches_unmade", "batches", ["id"], sqlite_where=unmade, postgresql_where=unmade)
    op.create_table(
        "grids",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("design", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["batch"], ["batches.id"], name="fk_grids_batch"),
        sa.PrimaryKeyConstraint("batch", "first", name="pk_grids"),
    )
    op.add_column("tasks", sa.Column("definition", sa.Text(), nullable=True))
    op.add_column("tasks", sa.Column("point", sa.BigInteger(), nullable=True))
    point = sa.text("point IS NOT NULL")
    op.create_index(
        "ix_tasks_batch_point", "tasks", ["batch", "point"], unique=True, sqlite_where=point, postgresql_where=point
    )
    op.create_index(
        "ix_tasks_batch_status", "tasks", ["batch", "status", "finished_at"],
        sqlite_where=point, postgresql_where=point,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_tasks_batch_status", "tasks")
    op.drop_index("ix_tasks_batch_point", "tasks")
    op.drop_column("tasks", "point")
    op.drop_column("tasks", "definition")
    op.drop_table("grids")
    op.drop_table("batches")
    op.drop_table("definitions")
