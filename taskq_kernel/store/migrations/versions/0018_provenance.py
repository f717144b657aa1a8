"""What tasks ran in is kept, and which worker is not to run one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the columns; of what ended before nobody knows it."""
    op.create_table(
        "surroundings",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("facts", sa.Text, nullable=False),
    )
    for name, kind in _COLUMNS:
        op.add_column("tasks", sa.Column(name, kind))


def downgrade() -> None:
    """Drop them."""
    for name, _kind in _COLUMNS:
        op.drop_column("tasks", name)
    op.drop_table("surroundings")


_COLUMNS = (("surroundings", sa.Text()), ("peak_memory", sa.BigInteger()), ("avoid", sa.Text()))
