"""``taskq token``: who may use the service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from taskq_kernel.cli import DONE, output
from taskq_kernel.cli.options import TaskCommand, as_json_option, examples, length_of_time
from taskq_kernel.cli.times import local_time
from taskq_kernel.client import token_operations
from taskq_kernel.client.connection import existing
from taskq_kernel.domain import Role
from taskq_kernel.transport.graphql import GraphQLTransport


@click.group(
    epilog=examples("taskq token create ann --role user --expires 30d", "taskq token list"),
)
def token() -> None:
    """Make, list and revoke the tokens that let people and programs use the service.

    It takes a token with the role admin, such as the local stack's own.
    """


@token.command(
    cls=TaskCommand,
    epilog=examples(
        "taskq token create ann --role user --expires 30d",
        "(umask 077; taskq token create lab-7 --role worker > worker.token)",
    )
)
@click.argument("name")
@click.option("--role", type=click.Choice([str(role) for role in Role]), required=True, help="What it may do.")
@click.option(
    "--expires", metavar="TIME", callback=length_of_time,
    help="For how long it is good, such as 30d. Default: until it is revoked.",
)  # fmt: skip
def create(name: str, role: str, expires: float | None) -> int:
    """Make a token for NAME, the owner of what it submits, and write it to standard output.

    This is the only time that it is shown: the service keeps its hash alone.
    """
    made = token_operations.create_token(_transport(), name, role, expires)
    output.line(made["secret"])
    kept = made["token"]
    until = f"until {_shown(kept['expiresAt'])}" if kept["expiresAt"] else "until it is revoked"
    output.note(f"taskq: token {kept['id']} for {kept['name']} ({kept['role']}), good {until}; it is not shown again")
    return DONE


@token.command("list", epilog=examples("taskq token list", "taskq token list --json"))
@as_json_option
def list_(as_json: bool) -> int:
    """List the tokens: those of the service's tokens file, then those made with `taskq token create`."""
    known = token_operations.tokens(_transport())
    if as_json:
        output.json_document(known)
        return DONE
    cells = [("id", "name", "role", "state", "made"), *map(_cells, known)]
    output.columns(cells)
    return DONE


@token.command(epilog=examples("taskq token revoke 0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9"))
@click.argument("token_id", metavar="ID")
def revoke(token_id: str) -> int:
    """Make the token with this ID worthless, at once. `taskq token list` has the IDs."""
    gone = token_operations.revoke_token(_transport(), token_id)
    output.line(f"revoked: {gone['id']}, of {gone['name']} ({gone['role']})")
    return DONE


def _cells(one: Mapping[str, Any]) -> tuple[str, ...]:
    state = "good"
    if one["revokedAt"]:
        state = f"revoked {_shown(one['revokedAt'])}"
    elif one["expiresAt"]:
        over = datetime.fromisoformat(one["expiresAt"]) <= datetime.now().astimezone()
        state = f"{'expired' if over else 'good until'} {_shown(one['expiresAt'])}"
    made = _shown(one["createdAt"]) if one["origin"] == "DATABASE" else "tokens file"
    return one["id"], one["name"], one["role"], state, made


def _shown(time: str) -> str:
    """A time for people, to the minute."""
    return local_time(time, seconds=False)


def _transport() -> GraphQLTransport:
    return existing().transport()
