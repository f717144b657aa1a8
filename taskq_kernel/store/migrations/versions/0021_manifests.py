"""Which packages a task has had: the texts of Julia's manifests, each once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0019"
branch_labels = None
depends_on = None

_THERE = sa.text("manifest_sha256 IS NOT NULL")


def upgrade() -> None:
    """Make the table; nobody knows what tasks of an earlier release have had."""
    op.create_table(
        "manifests",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_manifests"),
    )
    op.add_column("tasks", sa.Column("manifest_sha256", sa.Text()))
    op.create_index(
        "ix_tasks_manifest_sha256", "tasks", ["manifest_sha256"], sqlite_where=_THERE, postgresql_where=_THERE
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_tasks_manifest_sha256", table_name="tasks")
    op.drop_column("tasks", "manifest_sha256")
    op.drop_table("manifests")
