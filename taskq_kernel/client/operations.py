"""What a client asks of the service: one function a GraphQL operation.

They take and return plain dicts with GraphQL's field names; `Task` and `Batch` are made of
these, and the command line prints them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from taskq_kernel.client import why
from taskq_kernel.client.argument_order import order_input
from taskq_kernel.client.refusals import input_refused
from taskq_kernel.task_fields import TASK_FIELDS, Lifetime, Of, fields_of, select
from taskq_kernel.transport.graphql import GraphQLTransport

#: Tasks in one request, below the service's limit of 10,000.
CREATE_CHUNK = 5_000
#: Ids in one request that changes or reads tasks.
ID_CHUNK = 1_000
#: Files that are asked about in one request.
FILES_CHUNK = 10_000
#: The largest page that the service gives.
PAGE = 1_000

#: What never changes in a task's life.
FIXED = tuple(field for field in TASK_FIELDS if field.lifetime is Lifetime.FIXED)
#: What changes, small enough to be sent with every change.
LIVE = tuple(field for field in TASK_FIELDS if field.lifetime is not Lifetime.FIXED and not field.apart)

#: A task as a client keeps it.
TASK = select(TASK_FIELDS)
#: A row of a table: a task without what may be long.
ROW = select(fields_of(Of.ROW), long=False)
#: What a DataFrame without the values is made of, and what one with them is.
FRAME_WITHOUT_VALUES = select(
    (field for field in TASK_FIELDS if (field.dtype or Of.ROW in field.of) and field.name != "value"), long=False
)
FRAME = f"{FRAME_WITHOUT_VALUES} value valueRef"
#: Everything there is to know.
ALL = f"{TASK} waitsFor {why.FIELDS} history {{ status attempt worker at reason }}"
#: What the live feed brings for each changed task.
FEED = select((*(field for field in FIXED if Of.EVENT in field.of), *LIVE))
#: What the answer to a submission has that the input has not.
CREATED = select(fields_of(Of.ANSWER))

#: Fields, or arguments as ``argument.n``, each with its direction.
Order = Sequence[tuple[str, str]]
#: A task, or something else that the service has, with GraphQL's field names.
Row = dict[str, Any]
#: GraphQL's ``TaskFilter``.
Filter = Mapping[str, object]


def new_id() -> str:
    """A UUID for a new task or batch. The client makes it, so a request can be repeated."""
    return str(uuid4())


def create(
    transport: GraphQLTransport, inputs: Sequence[Mapping[str, Any]], fields: str = "id number name",
    before: int | None = None,
) -> list[Row]:
    """Create tasks; each input has its ``id``. All or none are created.

    ``before`` is how many tasks of the same list have been created; None where there is no list.

    Raises
    ------
    InvalidTask
        If the service finds something wrong with one of them.
    """
    query = f"mutation Create($inputs: [TaskInput!]!) {{ createTasks(inputs: $inputs) {{ {fields} }} }}"
    with input_refused(before):
        # The ids are ours: a repeated request returns the tasks of the first.
        data = transport.execute(query, {"inputs": list(inputs)}, repeatable=True)
    created: list[Row] = data["createTasks"]
    return created


_DEFINITION = "id name entry error { name message line }"


def register_definition(transport: GraphQLTransport, given: Mapping[str, Any]) -> Row:
    """Register code with a function that tasks call.

    Raises
    ------
    InvalidTask
        If the service finds something wrong with it.
    """
    query = f"mutation Define($input: DefinitionInput!) {{ registerDefinition(input: $input) {{ {_DEFINITION} }} }}"
    with input_refused():
        made: Row = transport.execute(query, {"input": dict(given)}, repeatable=True)["registerDefinition"]
    return made


def register_project(transport: GraphQLTransport, manifest: str, julia: Sequence[str] = ()) -> Row:
    """Make a project of a manifest and files that were uploaded.

    Parameters
    ----------
    transport : GraphQLTransport
        How the service is asked.
    manifest : str
        SHA-256 of the manifest.
    julia : sequence of str
        The versions of Julia of which it takes one; by default any.

    Raises
    ------
    InvalidTask
        If the service finds something wrong with it.
    """
    query = "mutation Project($manifest: ID!) { registerProject(manifest: $manifest) { id files size } }"
    if julia:  # a service of an earlier release does not know of it
        query = query.replace("$manifest: ID!", "$manifest: ID!, $julia: [String!]")
        query = query.replace("manifest: $manifest", "manifest: $manifest, julia: $julia")
    given = {"manifest": manifest} | ({"julia": list(julia)} if julia else {})
    with input_refused():
        made: Row = transport.execute(query, given, repeatable=True)["registerProject"]
    return made


def explain_cache(transport: GraphQLTransport, given: Mapping[str, Any]) -> Row:
    """What the cache says of a task, given as ``TaskInput``: its ``hit``, or the ``nearest`` and ``reasons``."""
    query = "query Explain($input: TaskInput!) { explainCache(input: $input) { hit nearest reasons } }"
    with input_refused():
        found: Row = transport.execute(query, {"input": dict(given)})["explainCache"]
    return found


def definition(transport: GraphQLTransport, definition_id: str) -> Row:
    """A definition with its code."""
    query = f"query Definition($id: ID!) {{ definition(id: $id) {{ {_DEFINITION} code }} }}"
    found: Row = transport.execute(query, {"id": definition_id})["definition"]
    return found


def get(transport: GraphQLTransport, task_id: str, fields: str = TASK) -> Row:
    """One task, by UUID or number.

    Raises
    ------
    InvalidTask
        If ``task_id`` is neither.
    NotFound
        If there is none.
    """
    query = f"query Task($id: ID!) {{ task(id: $id) {{ {fields} }} }}"
    with input_refused():
        task: Row = transport.execute(query, {"id": task_id})["task"]
    return task


def get_many(transport: GraphQLTransport, ids: Sequence[str], fields: str = TASK) -> list[Row]:
    """The tasks with these ids, in no particular order; those that do not exist are left out."""
    found: list[Row] = []
    for chunk in chunks(ids, ID_CHUNK):
        found += page(transport, {"ids": list(chunk)}, fields, first=ID_CHUNK)["nodes"]
    return found


def page(
    transport: GraphQLTransport,
    task_filter: Filter,
    fields: str = ROW,
    *,
    order: Order = (),
    first: int = PAGE,
    after: str | None = None,
) -> Row:
    """One page of the tasks that match: ``nodes`` and ``pageInfo``."""
    query = (
        "query Tasks($filter: TaskFilter, $order: [TaskOrder!], $first: Int, $after: String) {"
        " tasks(filter: $filter, orderBy: $order, first: $first, after: $after) {"
        f" nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }} }}"
    )
    variables = {
        "filter": dict(task_filter),
        "order": order_input(order),
        "first": first,
        "after": after,
    }
    with input_refused():
        tasks: Row = transport.execute(query, variables)["tasks"]
    return tasks


def pages(
    transport: GraphQLTransport,
    task_filter: Filter,
    fields: str = ROW,
    *,
    order: Order = (),
    limit: int | None = None,
) -> Iterator[Row]:
    """Every task that matches, or the first ``limit``, page by page."""
    after, left = None, limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        part = page(transport, task_filter, fields, order=order, first=size, after=after)
        yield from part["nodes"]
        if not part["pageInfo"]["hasNextPage"]:
            return
        after = part["pageInfo"]["endCursor"]
        left = None if left is None else left - len(part["nodes"])


def window(
    transport: GraphQLTransport, task_filter: Filter, fields: str, order: Order,
    *, first: int | None = None, last: int | None = None, offset: int = 0,
) -> list[Row]:
    """Tasks from anywhere in a list: ``first`` from its start, or ``last`` before its end, ``offset`` from there.

    Raises
    ------
    InvalidTask
        If the service does not take the filter or the order.
    """
    query = (
        "query Window($filter: TaskFilter, $order: [TaskOrder!], $first: Int, $last: Int, $offset: Int) {"
        " tasks(filter: $filter, orderBy: $order, first: $first, last: $last, offset: $offset)"
        f" {{ nodes {{ {fields} }} }} }}"
    )
    terms = order_input(order)
    variables = {"filter": dict(task_filter), "order": terms, "first": first, "last": last, "offset": offset}
    with input_refused():
        found: list[Row] = transport.execute(query, variables)["tasks"]["nodes"]
    return found


class Counts(NamedTuple):
    """How many tasks there are.

    Attributes
    ----------
    total
        Those that match.
    counts
        Of each status those that match, whatever statuses the filter names.
    everything
        Of each status those that match a wider filter.
    """

    total: int
    counts: dict[str, int]
    everything: dict[str, int]


def counts(transport: GraphQLTransport, task_filter: Filter, everything: Filter | None = None) -> Counts:
    """How many tasks match, and how many match ``everything``."""
    query = (
        "query Counts($filter: TaskFilter, $everything: TaskFilter) {"
        " matching: tasks(filter: $filter, first: 0) { totalCount counts { status count } }"
        " everything: tasks(filter: $everything, first: 0) { counts { status count } } }"
    )
    found = transport.execute(query, {"filter": dict(task_filter), "everything": dict(everything or {})})
    of_each = {name: {one["status"]: one["count"] for one in part["counts"]} for name, part in found.items()}
    return Counts(found["matching"]["totalCount"], of_each["matching"], of_each["everything"])


def bulk_action_matching(transport: GraphQLTransport, verb: str, task_filter: Filter) -> int:
    """Cancel, retry or delete all tasks that match; how many changed. Of the tasks, however many, nothing is said."""
    query = f"mutation BulkAction($filter: TaskFilter) {{ {verb}Tasks(filter: $filter) {{ changed }} }}"
    # A second cancellation changes nothing; a second retry could start a second attempt, or task.
    answer = transport.execute(query, {"filter": dict(task_filter)}, repeatable=verb == "cancel")
    changed: int = answer[f"{verb}Tasks"]["changed"]
    return changed


def bulk_action(
    transport: GraphQLTransport,
    verb: str,
    ids: Sequence[str] | None = None,
    task_filter: Filter | None = None,
    fields: str = "id number name status attempt version",
) -> tuple[list[Row], int]:
    """Cancel, retry or delete tasks, by ids or by a filter.

    Parameters
    ----------
    verb : str
        ``cancel``, ``retry`` or ``delete``.

    Returns
    -------
    list of dict, int
        The tasks as they are now (deleted ones as they were; in the place of a finished one
        that is retried, the new task that ``repeats`` it), and how many changed.

    Raises
    ------
    InvalidTask
        If an id is neither a UUID nor a number; then nothing of its request is changed.
    NotFound
        If an id belongs to no task; then nothing of its request is changed.
    """
    query = (
        f"mutation BulkAction($ids: [ID!], $filter: TaskFilter) {{ {verb}Tasks(ids: $ids, filter: $filter) "
        f"{{ tasks {{ {fields} }} changed }} }}"
    )
    # A second cancellation changes nothing; a second retry could start a second attempt, or task.
    repeatable = verb == "cancel"
    if ids is None:
        answer = transport.execute(query, {"filter": dict(task_filter or {})}, repeatable=repeatable)
        return answer[f"{verb}Tasks"]["tasks"], answer[f"{verb}Tasks"]["changed"]
    tasks: list[Row] = []
    changed = 0
    for chunk in chunks(ids, ID_CHUNK):
        with input_refused():
            answer = transport.execute(query, {"ids": list(chunk)}, repeatable=repeatable)[f"{verb}Tasks"]
        tasks += answer["tasks"]
        changed += answer["changed"]
    return tasks, changed


def run_again(transport: GraphQLTransport, ids: Sequence[str], fields: str, *, elsewhere: bool) -> list[Row]:
    """New tasks that repeat finished ones, in their order; ``elsewhere``: kept off the workers that ran those.

    What is not finished is run again, or left, as by a retry.
    """
    query = (
        "mutation RunAgain($ids: [ID!], $elsewhere: Boolean) { retryTasks(ids: $ids, elsewhere: $elsewhere) "
        f"{{ tasks {{ {fields} }} }} }}"
    )
    made: list[Row] = []
    for chunk in chunks(ids, ID_CHUNK):
        with input_refused():
            made += transport.execute(query, {"ids": list(chunk), "elsewhere": elsewhere}, repeatable=False)[
                "retryTasks"
            ]["tasks"]
    return made


def logs(
    transport: GraphQLTransport, task_id: str, after: int | None = None, *, displays: bool = False
) -> tuple[Row, list[Row]]:
    """What the latest attempt printed after chunk ``after``, and where the task stands.

    With ``displays``, which a service of an earlier release refuses, what it displayed is not only text.
    """
    asked = ", displays: true" if displays else ""
    query = (
        "query Logs($id: ID!, $after: Int) { task(id: $id) "
        f"{{ id number name status attempt logs(after: $after{asked}) {{ seq attempt stream text }} }} }}"
    )
    with input_refused():
        task: Row = transport.execute(query, {"id": task_id, "after": after})["task"]
    return task, task.pop("logs")


def workers(transport: GraphQLTransport, *, everyone: bool = False) -> list[Row]:
    """The workers that are there, or every one there ever was."""
    query = (
        "query Workers($all: Boolean) { workers(all: $all) {"
        " id name host pid runner juliaVersion queues slots busy state joinedAt lastSeenAt } }"
    )
    found: list[Row] = transport.execute(query, {"all": everyone})["workers"]
    return found


def statistics(transport: GraphQLTransport) -> Row:
    """Where everything stands."""
    query = (
        "query Statistics { statistics { counts { status count } total slots busy workersOnline"
        " finishedPerMinute lastHour { at finished failed } brokerConnected brokerBlocked unservedQueues"
        " outboxLength version } }"
    )
    found: Row = transport.execute(query)["statistics"]
    return found


def waits_for(transport: GraphQLTransport, task_id: str) -> str | None:
    """What keeps a task from starting besides its turn, and what to do; None where nothing does."""
    found: str | None = get(transport, task_id, "waitsFor")["waitsFor"]
    return found


def missing_files(transport: GraphQLTransport, refs: Sequence[str]) -> list[str]:
    """Those of some files, named by their SHA-256, that the service does not have."""
    query = "query Missing($sha256: [ID!]!) { missingFiles(sha256: $sha256) }"
    found: list[str] = []
    for chunk in chunks(refs, FILES_CHUNK):
        with input_refused():
            found += transport.execute(query, {"sha256": list(chunk)})["missingFiles"]
    return found


def chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """The items in parts of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
