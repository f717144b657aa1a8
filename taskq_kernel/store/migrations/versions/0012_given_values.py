"""Which values that the service keeps are among the arguments of tasks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make its table; no task of an earlier release was given one."""
    op.create_table(
        "given_values",
        sa.Column("task", _KEY, autoincrement=False, nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["tasks.number"], name="fk_given_values_task"),
        sa.PrimaryKeyConstraint("task", "ref", name="pk_given_values"),
    )
    op.create_index("ix_given_values_ref", "given_values", ["ref"])


def downgrade() -> None:
    """Drop it; the values are removed like others that no task names."""
    op.drop_table("given_values")
