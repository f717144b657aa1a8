"""Whether a worker reads messages of several tasks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a worker of an earlier release reads one task a message."""
    op.add_column("workers", sa.Column("bundles", sa.Boolean()))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("workers", "bundles")
