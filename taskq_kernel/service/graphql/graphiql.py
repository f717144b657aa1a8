"""GraphiQL, the page to try queries in."""

from __future__ import annotations

from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"


@cache
def graphiql_page() -> str:
    """The page. It needs no token; the queries that are sent from it do."""
    return (STATIC / "graphiql.html").read_text(encoding="utf-8")
