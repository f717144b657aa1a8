"""An id of the database, which stands beside every cursor into its changes."""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to the new tables."""
    op.add_column("counters", sa.Column("database", sa.Text(), server_default="", nullable=False))
    counters = sa.table("counters", sa.column("database", sa.Text()))
    op.execute(sa.update(counters).values(database=str(uuid4())))


def downgrade() -> None:
    """Go back."""
    op.drop_column("counters", "database")
