"""Bringing a task database to the tables of this release."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from taskq_kernel.errors import SetupError
from taskq_kernel.store.database import is_away, make_engine, normal_url, translated
from taskq_kernel.store.tables import metadata

# Any number will do; PostgreSQL's advisory locks share one space per database.
_LOCK = 0x7461736B71

_FOLDER = Path(__file__).parent / "migrations"


def upgrade(url: str | sa.URL) -> None:
    """Create or migrate the tables, while no other process does.

    SQLite's own write lock holds the others back, PostgreSQL an advisory lock. All
    migrations happen in one transaction: they are done, or nothing is.

    Raises
    ------
    SetupError
        If this release cannot use the database: one that it does not know has made it, or it lacks something.
    StoreUnavailable
        If the database does not answer.
    """
    engine = make_engine(normal_url(url), size=1, writes=True)
    try:
        with engine.begin() as conn:
            if conn.dialect.name == "postgresql":
                conn.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            config = configuration()
            config.attributes["connection"] = conn
            command.upgrade(config, "head")
            _check_tables(conn)
    except CommandError as error:
        raise SetupError(
            f"the task database {_shown(engine)} was made by a release that this one does not know ({error}): install "
            "that, or set TASKQ_DATABASE to another one"
        ) from error
    except DBAPIError as error:
        raise translated(error) from error
    finally:
        engine.dispose()


def _check_tables(conn: Connection) -> None:
    """Make sure that all is there that is asked for: a draft of a release may have made it, under the same revision."""
    for table in metadata.sorted_tables:
        try:
            conn.execute(sa.select(table).limit(0))
        except DBAPIError as error:
            if is_away(error):
                raise
            raise SetupError(
                f"the task database {_shown(conn.engine)} is not as this release makes it "
                f"({str(error.orig).splitlines()[0]}): move it away, and a new one is made, or set TASKQ_DATABASE to "
                "another one"
            ) from error


def _shown(engine: Engine) -> str:
    """Where a database is, without its password."""
    return engine.url.render_as_string(hide_password=True)


def configuration() -> Config:
    """Alembic's configuration for the migrations of this package."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


def latest_revision() -> str | None:
    """The revision that this release's tables are at."""
    return ScriptDirectory.from_config(configuration()).get_current_head()
