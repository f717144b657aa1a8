"""A real PostgreSQL for the tests: started as an ordinary user, on a socket in a private folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


class PostgresMissing(Exception):
    """There is no PostgreSQL on this machine, or no driver for it."""


def binaries() -> Path:
    """The folder of the newest installed PostgreSQL server.

    Raises
    ------
    PostgresMissing
        If there is none, or Python cannot talk to it.
    """
    try:
        import psycopg  # noqa: F401  (only whether it is there)
    except ImportError:
        raise PostgresMissing("psycopg is not installed: pip install 'taskq-kernel[postgres]'") from None
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    if not found:
        raise PostgresMissing("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1].parent


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server with an empty database; yield its SQLAlchemy URL.

    Raises
    ------
    PostgresMissing
        If there is none on this machine.
    """
    folder = binaries()
    home = Path(tempfile.mkdtemp(prefix="taskq-pg-"))
    # PostgreSQL refuses to run as root.
    user = _ordinary_user() if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(home, user)
    _run([folder / "initdb", "-D", home / "data", "-U", "taskq", "-A", "trust", "-E", "UTF8", "--no-sync"], user)
    options = f"-c listen_addresses= -c unix_socket_directories={home} -c fsync=off -c max_connections=40"
    control = [folder / "pg_ctl", "-D", home / "data", "-w", "-t", "30", "-o", options, "-l", home / "log"]
    try:
        _run([*control, "start"], user)
        yield f"postgresql+psycopg://taskq@/postgres?host={home}"
    finally:
        _run([*control, "-m", "immediate", "stop"], user)
        shutil.rmtree(home, ignore_errors=True)


def new_database(url: str) -> str:
    """Make an empty database beside another one in its server, with which it goes; its URL.

    It takes a tenth of the time that another server does.
    """
    import psycopg

    name = f"taskq_{uuid4().hex[:12]}"
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url.replace("/postgres?", f"/{name}?")


def _ordinary_user() -> str:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise PostgresMissing("the tests run as root, and there is no ordinary user to run PostgreSQL")


def _run(command: list[str | Path], user: str | None) -> None:
    done = subprocess.run(
        [str(part) for part in command], user=user, cwd="/", text=True, timeout=60,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()}")
