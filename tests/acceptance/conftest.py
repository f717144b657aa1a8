"""Fixtures that the acceptance tests share."""

from __future__ import annotations

from browser import chromium, open_page, serve

__all__ = ["chromium", "open_page", "serve"]
