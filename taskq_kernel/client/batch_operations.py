"""What a client asks of the service about batches: one function a GraphQL operation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from taskq_kernel.client import operations
from taskq_kernel.client.refusals import input_refused
from taskq_kernel.client.task_filter import task_filter
from taskq_kernel.task_fields import SHARED_FIELDS, select
from taskq_kernel.transport.graphql import GraphQLTransport

#: What a batch is.
BATCH = f"id name owner definition definitionName entry recipe seed {select(SHARED_FIELDS)} total createdAt cancelledAt"
#: How far it is.
FIGURES = "figures { counts { status count } done secondsLeft version }"
#: Why points failed.
FAILURES = "failures { name line count example point message }"
#: What is read of a point.
POINT = operations.FEED

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def submit(transport: GraphQLTransport, given: Mapping[str, Any]) -> dict[str, Any]:
    """Submit a batch; its ``batch``, and how many points are ``added`` and run ``again``."""
    query = (
        f"mutation Submit($input: BatchInput!) {{ submitBatch(input: $input) {{ batch {{ {BATCH} }} added again }} }}"
    )
    with input_refused():
        done: dict[str, Any] = transport.execute(query, {"input": dict(given)}, repeatable=True)["submitBatch"]
    return done


def get(
    transport: GraphQLTransport, *, batch_id: str | None = None, name: str | None = None, fields: str = BATCH
) -> dict[str, Any]:
    """One batch, by its id or its name.

    Raises
    ------
    NotFound
        If there is none.
    """
    query = f"query Batch($id: ID, $name: String) {{ batch(id: $id, name: $name) {{ {fields} }} }}"
    with input_refused():
        found: dict[str, Any] = transport.execute(query, {"id": batch_id, "name": name})["batch"]
    return found


def find(transport: GraphQLTransport, named: str, fields: str = BATCH) -> dict[str, Any]:
    """One batch, by its name or its UUID.

    Raises
    ------
    NotFound
        If there is none.
    """
    if _UUID.fullmatch(named.lower()):
        return get(transport, batch_id=named.lower(), fields=fields)
    return get(transport, name=named, fields=fields)


def id_of(transport: GraphQLTransport, named: str) -> str:
    """The id that the tasks of a batch have, by its name or that id.

    Tasks that were submitted together have one as well, and no batch is kept of them.
    """
    if _UUID.fullmatch(named.lower()):
        return named.lower()
    return str(get(transport, name=named, fields="id")["id"])


def filter_of(transport: GraphQLTransport, selection: Mapping[str, Any]) -> dict[str, object]:
    """GraphQL's ``TaskFilter`` of a selection as `task_filter` takes it, in which a batch may be named.

    Raises
    ------
    NotFound
        If there is no batch of that name.
    InvalidTask
        If it is no selection.
    """
    chosen = task_filter(**selection)
    if isinstance(selection.get("batch"), str):
        chosen["batch"] = id_of(transport, selection["batch"])
    return chosen


def page(
    transport: GraphQLTransport, *, first: int, offset: int = 0, name: str | None = None, owner: str | None = None,
    fields: str = BATCH,
) -> tuple[list[dict[str, Any]], int]:
    """Batches, the newest first, and how many there are."""
    query = (
        "query Batches($first: Int, $offset: Int, $name: String, $owner: String) { "
        "batches(first: $first, offset: $offset, name: $name, owner: $owner) "
        f"{{ nodes {{ {fields} }} totalCount }} }}"
    )
    with input_refused():
        found = transport.execute(query, {"first": first, "offset": offset, "name": name, "owner": owner})["batches"]
    return found["nodes"], found["totalCount"]


def figures(transport: GraphQLTransport, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How far each of some batches is, by their ids.

    Raises
    ------
    NotFound
        If one of them is not there.
    """
    if not ids:
        return {}
    given = ", ".join(f"$id{place}: ID" for place in range(len(ids)))
    asked = " ".join(f"of{place}: batch(id: $id{place}) {{ {FIGURES} }}" for place in range(len(ids)))
    found = transport.execute(
        f"query Figures({given}) {{ {asked} }}", {f"id{place}": one for place, one in enumerate(ids)}
    )
    return {one: found[f"of{place}"]["figures"] for place, one in enumerate(ids)}


def change(transport: GraphQLTransport, verb: str, batch_id: str) -> int:
    """Resume, cancel or delete a batch; how many points it was about."""
    query = f"mutation Change($id: ID!) {{ {verb}Batch(id: $id) }}"
    changed: int = transport.execute(query, {"id": batch_id}, repeatable=verb == "cancel")[f"{verb}Batch"]
    return changed


def make_points(transport: GraphQLTransport, batch_id: str, points: Sequence[int]) -> None:
    """Have the tasks of some points made out of turn."""
    query = "mutation Make($id: ID!, $points: [Int!]!) { makePoints(id: $id, points: $points) }"
    transport.execute(query, {"id": batch_id, "points": list(points)}, repeatable=True)


def points(
    transport: GraphQLTransport, batch_id: str, places: Sequence[int], fields: str = POINT
) -> list[dict[str, Any]]:
    """The tasks of some points, as far as they have one."""
    chosen = {"batch": batch_id, "points": list(places)}
    nodes: list[dict[str, Any]] = operations.page(transport, chosen, fields, first=max(1, len(places)))["nodes"]
    return nodes
