"""Sessions that have ended are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_IS_SESSION = sa.text("kind = 'SESSION'")


def upgrade() -> None:
    """Make their index; an earlier release has no such tasks."""
    op.create_index("ix_tasks_sessions", "tasks", ["version"], sqlite_where=_IS_SESSION, postgresql_where=_IS_SESSION)


def downgrade() -> None:
    """Drop it; sessions stay, as tasks that nobody runs."""
    op.drop_index("ix_tasks_sessions", "tasks")
