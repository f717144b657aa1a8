"""Recipes: which there are, and which task was made of which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_IN_USE = sa.text("retired_at IS NULL")
_OF_RECIPE = sa.text("recipe IS NOT NULL")


def upgrade() -> None:
    """Make the table; no task of an earlier release was made of a recipe."""
    op.create_table(
        "recipes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("project", sa.Text()),
        sa.Column("project_commit", sa.Text()),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("retired_at", sa.Double()),
        sa.ForeignKeyConstraint(["definition"], ["definitions.id"], name="fk_recipes_definition"),
        sa.PrimaryKeyConstraint("name", "version", name="pk_recipes"),
    )
    op.create_index("ix_recipes_definition", "recipes", ["definition"])
    op.create_index("ix_recipes_project", "recipes", ["project"])
    op.create_index(
        "uq_recipes_in_use", "recipes", ["name"], unique=True, sqlite_where=_IN_USE, postgresql_where=_IN_USE
    )
    for table in ("tasks", "batches"):
        op.add_column(table, sa.Column("recipe", sa.Text()))
    op.create_index("ix_tasks_of_recipes", "tasks", ["number"], sqlite_where=_OF_RECIPE, postgresql_where=_OF_RECIPE)
    op.create_index(
        "ix_tasks_recipe_number", "tasks", ["recipe", "number"], sqlite_where=_OF_RECIPE, postgresql_where=_OF_RECIPE
    )


def downgrade() -> None:
    """Drop it; what recipes made stays, as calls of definitions."""
    for index in ("ix_tasks_recipe_number", "ix_tasks_of_recipes"):
        op.drop_index(index, table_name="tasks")
    for table in ("batches", "tasks"):
        op.drop_column(table, "recipe")
    op.drop_table("recipes")
