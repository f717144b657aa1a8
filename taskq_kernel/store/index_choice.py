"""Which index SQLite takes: it has no figures of its rows here, and guesses.

It takes ten rows to be in each status, or each owner's, and more than that to be named by a list of ids. Where
somebody asks for some tasks by their ids and that they wait, it reads all that wait.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.expression import UnaryExpression

from taskq_kernel.store.tables import tasks


def without_index(conn: Connection, clause: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """The same condition on tasks, for which SQLite takes no index: a column with a plus is an expression.

    PostgreSQL, which has figures of its rows, is left to choose.
    """
    if conn.dialect.name != "sqlite":
        return clause

    def plus(element: Any, **_: Any) -> Any:
        if isinstance(element, sa.Column) and element.table is tasks:
            return UnaryExpression(element, operator=operators.custom_op("+"), type_=element.type)
        return None

    replaced: sa.ColumnElement[bool] = visitors.replacement_traverse(clause, {}, plus)
    return replaced
