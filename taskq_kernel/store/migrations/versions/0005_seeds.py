"""Every task has a seed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Draw one for every task that may still run. What has finished ran without."""
    op.add_column("tasks", sa.Column("seed", sa.BigInteger(), nullable=True))
    tasks = sa.table("tasks", *map(sa.column, ("seed", "status")))
    drawn: sa.ColumnElement[int] = sa.cast(sa.func.floor(sa.func.random() * 2**53), sa.BigInteger)
    if op.get_bind().dialect.name == "sqlite":  # whose random() has all 64 bits
        drawn = sa.func.random().op("&")(2**53 - 1)
    op.execute(tasks.update().values(seed=drawn).where(tasks.c.status != "FINISHED"))


def downgrade() -> None:
    """Go back to tasks without."""
    op.drop_column("tasks", "seed")
