"""Tasks ask for threads, environment variables and devices, and workers say what they have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_COLUMNS = (
    *((table, name, kind) for table in ("tasks", "batches") for name, kind in (
        ("threads", sa.Integer), ("env", sa.Text), ("gpus", sa.Integer),
    )),
    ("workers", "cores", sa.Integer), ("workers", "gpus", sa.Integer),
)


def upgrade() -> None:
    """Go to the new columns; what is there asks for nothing, and did not say."""
    for table, name, kind in _COLUMNS:
        op.add_column(table, sa.Column(name, kind(), nullable=True))


def downgrade() -> None:
    """Go back to the columns before."""
    for table, name, _kind in reversed(_COLUMNS):
        op.drop_column(table, name)
