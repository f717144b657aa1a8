"""Tasks that need others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make their tables; tasks of earlier releases need none."""
    op.create_table(
        "dependencies",
        sa.Column("task", _KEY, autoincrement=False, nullable=False),
        sa.Column("needs", _KEY, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["task"], ["tasks.number"], name="fk_dependencies_task"),
        sa.ForeignKeyConstraint(["needs"], ["tasks.number"], name="fk_dependencies_needs"),
        sa.PrimaryKeyConstraint("task", "needs", name="pk_dependencies"),
    )
    op.create_index("ix_dependencies_needs", "dependencies", ["needs"])
    op.create_table(
        "held_back",
        sa.Column("task", _KEY, autoincrement=False, nullable=False),
        sa.Column("unmet", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["tasks.number"], name="fk_held_back_task"),
        sa.PrimaryKeyConstraint("task", name="pk_held_back"),
    )


def downgrade() -> None:
    """Drop them; what was held back is handed over when it is retried."""
    op.drop_table("held_back")
    op.drop_table("dependencies")
