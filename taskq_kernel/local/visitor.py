"""Whom a dashboard acts as: a token of its own, with no more than its visitors need."""

from __future__ import annotations

import hashlib
import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from taskq_kernel.client import token_operations
from taskq_kernel.client.connection import Address, existing
from taskq_kernel.domain import Role
from taskq_kernel.errors import ServiceUnreachable, TaskqError, Unauthorized
from taskq_kernel.local.processes import write_private

#: How long the service may take to say that it is there, in seconds.
THERE_S = 3.0


def act_as_visitor(home: Path, role: Role, name: str | None = None) -> None:
    """Have what this process starts act as a visitor, and not as whoever started this process.

    Parameters
    ----------
    home : Path
        The data folder, which keeps the visitors' token.
    role : Role
        What visitors may do.
    name : str, optional
        The owner of what they submit; the name of whoever started this process unless given.
    """
    address = existing()
    file = visitor_token(address, home, _whose(address)[0] if name is None else name, role)
    if file is not None:
        os.environ["TASKQ_VISITOR_TOKEN_FILE"] = str(file)


def stack_is_there() -> bool:
    """Whether the service answers; where it is, is looked up anew: a stack may come up at another port."""
    try:
        with closing(existing().transport(THERE_S)) as transport:
            transport.execute("{ serviceVersion }")
    except ServiceUnreachable:
        return False
    except TaskqError:
        pass  # it is there, and whoever opens the page hears from it what is wrong
    return True


def visitor_token(address: Address, home: Path, name: str, role: Role) -> Path | None:
    """A file with a token for the visitors of a dashboard: the one that was kept, or a new one.

    Parameters
    ----------
    address : Address
        The service, with the token of whoever serves the dashboard.
    home : Path
        The data folder, which keeps it.
    name : str
        The owner of what visitors submit.
    role : Role
        What they may do.

    Returns
    -------
    Path or None
        None where the address's own token is no administrator's: it can make no other, and has
        nothing that visitors should not have.
    """
    if _whose(address)[1] != Role.ADMIN:
        return None
    file = home / "tokens" / f"dashboard-{role}-{_named(address.url, name)}.token"
    if not _is_good(replace(address, token=_kept(file)), name, role):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(address.transport()) as transport:
            made = token_operations.create_token(transport, name, str(role))
        write_private(file, made["secret"])
    return file


def _named(url: str, name: str) -> str:
    """What tells one service and one name from others, as part of a file's name."""
    # A local stack may come up at another port; each has a data folder of its own.
    where = "" if url.startswith("http://127.0.0.1:") else url
    return hashlib.sha256(f"{where} {name}".encode()).hexdigest()[:8]


def _kept(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""


def _is_good(address: Address, name: str, role: Role) -> bool:
    """Whether a token that was kept is good still: it may have been revoked, or be of a database that is gone."""
    if not address.token:
        return False
    try:
        return _whose(address) == (name, role)
    except Unauthorized:
        return False


def _whose(address: Address) -> tuple[str, str]:
    with closing(address.transport()) as transport:
        me = transport.execute("{ me { name role } }")["me"]
    return str(me["name"]), str(me["role"])
