"""Giving the disk back what a database no longer uses.

An SQLite file keeps its size when rows go: their pages wait for other rows. A database of this release
gives them back some at a time; one of an earlier release has to be written anew once, while nobody else
writes. PostgreSQL looks after its files itself: what goes makes room for what comes.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Engine

#: Pages given back in one go: others wait meanwhile.
PAGES = 2_000
#: A file is written anew where more than one page in so many is free.
_MUCH = 8
_NONE, _INCREMENTAL = 0, 2


@dataclass(frozen=True, slots=True)
class Space:
    """How large a database's file is, and how much of it is free; in bytes, both 0 where that is not known.

    Attributes
    ----------
    more : bool
        Whether there is more to be given back.
    """

    file_bytes: int = 0
    free_bytes: int = 0
    more: bool = False


def give_back(engine: Engine, largest: int | None = None) -> Space:
    """Give back one part of what is free; how it stands then.

    Parameters
    ----------
    engine : Engine
        One that writes; nothing else may be using its connection.
    largest : int, optional
        The largest file that is written anew, in bytes. Default: any.
    """
    if engine.dialect.name != "sqlite":
        return Space()
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()

        def ask(name: str) -> int:
            return int(cursor.execute(f"PRAGMA {name}").fetchone()[0])

        size = ask("page_size")
        if ask("auto_vacuum") == _NONE:
            pages, free = ask("page_count"), ask("freelist_count")
            if free * _MUCH > pages and (largest is None or pages * size <= largest):
                cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
                cursor.execute("VACUUM")
        elif ask("auto_vacuum") == _INCREMENTAL:
            # Each step of the statement gives back one page, and only a script is stepped to its end.
            cursor.executescript(f"PRAGMA incremental_vacuum({PAGES})")
        ask("wal_checkpoint(PASSIVE)")
        found = Space(ask("page_count") * size, ask("freelist_count") * size)
        return Space(found.file_bytes, found.free_bytes, found.free_bytes > 0 and ask("auto_vacuum") == _INCREMENTAL)
    except engine.dialect.loaded_dbapi.Error as error:
        # As from any other statement: such as where the disk has no room for a second copy.
        raise sa.exc.OperationalError("giving space back", None, error) from error
    finally:
        raw.close()


def file_bytes(engine: Engine) -> int:
    """How large the file of an SQLite database is; 0 for others."""
    if engine.dialect.name != "sqlite":
        return 0
    with engine.connect() as conn:
        pages, size = (conn.execute(sa.text(f"PRAGMA {name}")).scalar_one() for name in ("page_count", "page_size"))
        return int(pages) * int(size)
