"""How many of its slots a worker can be given tasks for that it has not asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a worker of an earlier release asks for each task."""
    op.add_column("workers", sa.Column("grants", sa.Integer()))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("workers", "grants")
