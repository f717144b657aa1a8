"""Tasks can have the value that an equal one has computed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_CACHED = sa.text("cache_key IS NOT NULL")


def upgrade() -> None:
    """Go to the new columns; what is there was submitted without a cache."""
    op.add_column("tasks", sa.Column("cache", sa.Boolean(), nullable=True))
    op.add_column("tasks", sa.Column("cache_key", sa.Text(), nullable=True))
    op.add_column("tasks", sa.Column("cached_from", sa.BigInteger(), nullable=True))
    op.add_column("tasks", sa.Column("environment", sa.Text(), nullable=True))
    op.create_index(
        "ix_tasks_cache_key_number", "tasks", ["cache_key", "number"], sqlite_where=_CACHED, postgresql_where=_CACHED
    )
    op.add_column("batches", sa.Column("cache", sa.Boolean(), nullable=True))
    op.add_column("batches", sa.Column("seeds_by_content", sa.Boolean(), nullable=True))
    op.add_column("workers", sa.Column("manifest", sa.Text(), nullable=True))


def downgrade() -> None:
    """Go back to the columns before."""
    op.drop_column("workers", "manifest")
    op.drop_column("batches", "seeds_by_content")
    op.drop_column("batches", "cache")
    op.drop_index("ix_tasks_cache_key_number", "tasks")
    for column in ("environment", "cached_from", "cache_key", "cache"):
        op.drop_column("tasks", column)
