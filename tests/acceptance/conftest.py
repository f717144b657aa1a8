"""Fixtures that the acceptance tests share."""

from __future__ import annotations

from board_fixtures import client, lab_board, pages, voila_board
from browser import chromium, open_page, serve
from table_page import shared_table, table, table_site

__all__ = [
    "chromium", "client", "lab_board", "open_page", "pages", "serve", "shared_table", "table", "table_site",
    "voila_board",
]  # fmt: skip
