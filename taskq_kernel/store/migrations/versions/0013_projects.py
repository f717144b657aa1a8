"""Projects: which there are, which files they have, and which task has which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_NAMED = sa.text("project IS NOT NULL")


def upgrade() -> None:
    """Make the tables; no task of an earlier release had a project."""
    op.create_table(
        "projects",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("used_at", sa.Double(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
    )
    op.create_table(
        "project_files",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_project_files_project"),
        sa.PrimaryKeyConstraint("project", "ref", name="pk_project_files"),
    )
    op.create_index("ix_project_files_ref", "project_files", ["ref"])
    for table in ("tasks", "batches"):
        op.add_column(table, sa.Column("project", sa.Text()))
        op.add_column(table, sa.Column("project_commit", sa.Text()))
        op.create_index(f"ix_{table}_project", table, ["project"], sqlite_where=_NAMED, postgresql_where=_NAMED)


def downgrade() -> None:
    """Drop them; the files are removed like values that no task names."""
    for table in ("batches", "tasks"):
        op.drop_index(f"ix_{table}_project", table_name=table)
        op.drop_column(table, "project_commit")
        op.drop_column(table, "project")
    op.drop_table("project_files")
    op.drop_table("projects")
