"""What an administrator asks of the service about tokens: one function a GraphQL operation."""

from __future__ import annotations

from taskq_kernel.client.operations import Row
from taskq_kernel.client.refusals import input_refused
from taskq_kernel.transport.graphql import GraphQLTransport

_ABOUT = "id name role origin createdAt expiresAt revokedAt"


def tokens(transport: GraphQLTransport) -> list[Row]:
    """Every token that the service accepts or has accepted, without its secret."""
    found: list[Row] = transport.execute(f"query Tokens {{ tokens {{ {_ABOUT} }} }}")["tokens"]
    return found


def create_token(
    transport: GraphQLTransport, name: str, role: str, expires_in_s: float | None = None
) -> Row:
    """Make a token: ``secret``, which cannot be had again, and ``token``, what is kept of it.

    Raises
    ------
    InvalidTask
        If the name or the time cannot be used.
    """
    query = (
        "mutation Create($name: String!, $role: Role!, $expires: Float) {"
        f" createToken(name: $name, role: $role, expiresInSeconds: $expires) {{ secret token {{ {_ABOUT} }} }} }}"
    )
    with input_refused():
        data = transport.execute(query, {"name": name, "role": role, "expires": expires_in_s})
    made: Row = data["createToken"]
    return made


def revoke_token(transport: GraphQLTransport, token_id: str) -> Row:
    """Make a token worthless; what is kept of it.

    Raises
    ------
    InvalidTask
        If it is one of the service's tokens file.
    NotFound
        If there is none with this id.
    """
    query = f"mutation Revoke($id: ID!) {{ revokeToken(id: $id) {{ {_ABOUT} }} }}"
    with input_refused():
        gone: Row = transport.execute(query, {"id": token_id}, repeatable=True)["revokeToken"]
    return gone
