"""Where the databases are: as it is set, or SQLite in the data folder."""

from __future__ import annotations

import sqlalchemy as sa

from taskq_kernel.settings import Settings
from taskq_kernel.store.database import sqlite_url


def tasks_url(settings: Settings) -> str | sa.URL:
    """The task database's URL."""
    return settings.database or sqlite_url(settings.home / "tasks.db")


def results_url(settings: Settings) -> str | sa.URL:
    """The results database's URL."""
    return settings.results_database or sqlite_url(settings.home / "results.db")
