"""The data folder of a local stack, made ready: its folders, its tokens, its ``taskq.toml``."""

from __future__ import annotations

import hashlib
import json
import secrets
import tomllib
from getpass import getuser
from pathlib import Path

from taskq_kernel.domain import Role
from taskq_kernel.errors import SettingsError, StackError
from taskq_kernel.local.processes import write_private
from taskq_kernel.settings import Settings, config_file

#: Where the service of a local stack listens.
LOOPBACK = "127.0.0.1"


def check_file(home: Path) -> None:
    """Refuse what ``taskq.toml`` would have the service listen with; variables are not passed on to it."""
    file = config_file(home)
    settings = tomllib.loads(file.read_text("utf-8")) if file else {}
    given = settings.keys() & {"host", "tls_cert", "tls_key"}
    if settings.get("host") == LOOPBACK:
        given.remove("host")
    if given:
        raise SettingsError(
            f"{file} sets {' and '.join(sorted(given))}, and a local stack speaks http, on loopback alone: take "
            "it out of the file; `taskq service` takes --host, --tls-cert and --tls-key"
        )


def make_folders(settings: Settings) -> None:
    """Make the folders, and the databases' files, that only their owner may read."""
    home = settings.home
    try:
        for name in ("", "tokens", "run", "logs", "blobs"):
            (home / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        # Someone else may have made the data folder, and others may enter it then. SQLite
        # gives the files that it puts beside a database the database's own mode.
        elsewhere = {"tasks.db": settings.database, "results.db": settings.results_database}
        for database in (name for name, url in elsewhere.items() if url is None):
            (home / database).touch(mode=0o600)
            for file in home.glob(f"{database}*"):
                file.chmod(0o600)
    except OSError as error:
        raise StackError(
            f"the data folder {home} cannot be made: {error.strerror}; set TASKQ_HOME to another one"
        ) from error


def make_tokens(home: Path) -> None:
    """Make the stack's own tokens, once."""
    folder = home / "tokens"
    accepted = []
    for role, name in ((Role.ADMIN, getuser()), (Role.WORKER, "local worker"), (Role.SINK, "local sink")):
        file = token_file(home, role)
        if not file.exists():
            write_private(file, secrets.token_urlsafe(32))
        digest = hashlib.sha256(file.read_text("utf-8").strip().encode()).hexdigest()
        accepted.append({"name": name, "role": role.value, "sha256": digest})
    write_private(folder / "accepted.json", json.dumps(accepted))


def token_file(home: Path, role: Role) -> Path:
    """The file with the stack's own token for a role."""
    return home / "tokens" / f"{role}.token"
