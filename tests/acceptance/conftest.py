"""Fixtures that the acceptance tests share."""

from __future__ import annotations

from board_fixtures import board, client, lab_board, name, nothing_refused, pages, voila_board
from browser import chromium, open_page, serve
from table_page import shared_table, table, table_site

__all__ = [
    "board", "chromium", "client", "lab_board", "name", "nothing_refused", "open_page", "pages", "serve",
    "shared_table", "table", "table_site", "voila_board",
]  # fmt: skip
