"""Bringing a task database to the tables of this release."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from taskq_kernel.store.database import make_engine, normal_url

# Any number will do; PostgreSQL's advisory locks share one space per database.
_LOCK = 0x7461736B71

_FOLDER = Path(__file__).parent / "migrations"


def upgrade(url: str | sa.URL) -> None:
    """Create or migrate the tables, while no other process does.

    SQLite's own write lock holds the others back, PostgreSQL an advisory lock. All
    migrations happen in one transaction: they are done, or nothing is.
    """
    engine = make_engine(normal_url(url), size=1, writes=True)
    try:
        with engine.begin() as conn:
            if conn.dialect.name == "postgresql":
                conn.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            config = configuration()
            config.attributes["connection"] = conn
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def configuration() -> Config:
    """Alembic's configuration for the migrations of this package."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


def latest_revision() -> str | None:
    """The revision that this release's tables are at."""
    return ScriptDirectory.from_config(configuration()).get_current_head()
