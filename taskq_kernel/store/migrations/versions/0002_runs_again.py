"""A task that runs a finished one again names it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to the new tables."""
    op.add_column("tasks", sa.Column("repeats", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Go back to the tables before."""
    op.drop_column("tasks", "repeats")
