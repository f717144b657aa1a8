"""Workers say how much memory and which Julias they have, and projects which Julias they take."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0021"
branch_labels = None
depends_on = None

_COLUMNS = (("workers", "memory", sa.BigInteger), ("workers", "julias", sa.Text), ("projects", "julia", sa.Text))


def upgrade() -> None:
    """Go to the new columns; what is there did not say."""
    for table, name, kind in _COLUMNS:
        op.add_column(table, sa.Column(name, kind(), nullable=True))


def downgrade() -> None:
    """Go back to the columns before."""
    for table, name, _kind in reversed(_COLUMNS):
        op.drop_column(table, name)
