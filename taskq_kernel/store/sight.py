"""Which tasks and batches are there for somebody."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody may see; whatever else is as if it were not there.

    Attributes
    ----------
    owner : str or None
        The only owner whose tasks and batches that is; None: everybody's.
    recipes_only : bool
        Whether it is only what was made of recipes.
    """

    owner: str | None = None
    recipes_only: bool = False

    def of(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """The condition on the rows of ``tasks`` or ``batches``. A deleted task keeps its owner and its recipe."""
        clauses: list[sa.ColumnElement[bool]] = [] if self.owner is None else [table.c.owner == self.owner]
        if self.recipes_only:
            clauses.append(table.c.recipe.isnot(None))
        return sa.and_(sa.true(), *clauses)


def visible(sight: Sight | None, table: sa.Table) -> sa.ColumnElement[bool]:
    """The same, where None may see everything."""
    return sa.true() if sight is None else sight.of(table)
