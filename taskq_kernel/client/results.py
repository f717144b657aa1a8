"""What came out, as a tidy DataFrame: the arguments, what became of each task, and its value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from taskq_kernel.client import batch_operations, operations
from taskq_kernel.client.frame import make_frame
from taskq_kernel.client.moments import moment
from taskq_kernel.client.operations import Row
from taskq_kernel.client.tidy import add_columns, argument_columns, value_columns
from taskq_kernel.errors import InvalidTask
from taskq_kernel.transport.graphql import GraphQLTransport

if TYPE_CHECKING:
    import pandas as pd

_SHA256 = re.compile(r"[0-9a-f]{64}")


def results_filter(transport: GraphQLTransport, selection: Mapping[str, Any]) -> dict[str, object]:
    """GraphQL's ``TaskFilter`` of a selection, in which a batch may be named, and a definition given as it is.

    Raises
    ------
    NotFound
        If there is no such batch.
    InvalidTask
        If it is no selection.
    """
    given = {name: value for name, value in selection.items() if value is not None}
    for name, field in (("since", "finished_after"), ("before", "finished_before")):
        if name in given:
            given[field] = moment(given.pop(name), name)
    if "definition" in given:
        definition = str(getattr(given["definition"], "id", given["definition"]))
        if not _SHA256.fullmatch(definition):
            raise InvalidTask(f"is {definition[:80]!r}: give what define() returned, or its id", "definition")
        given["definition"] = definition
    return batch_operations.filter_of(transport, given)


def result_rows(
    transport: GraphQLTransport, selection: Mapping[str, Any], *, limit: int | None = None,
    newest_first: bool = False, values: bool = True,
) -> Iterator[Row]:
    """The tasks of a selection with their arguments, and with ``values`` theirs, page by page."""
    fields = f"{operations.FRAME if values else operations.FRAME_WITHOUT_VALUES} arguments"
    order = [("NUMBER", "DESC" if newest_first else "ASC")]
    return operations.pages(transport, results_filter(transport, selection), fields, order=order, limit=limit)


def results_frame(rows: Iterable[Row], *, values: bool = True) -> pd.DataFrame:
    """Tasks as `taskq_kernel.client.client.Client.results` shows them.

    Parameters
    ----------
    rows : iterable of dict
        What `result_rows` reads.
    values : bool
        Whether it has read the values.
    """
    # late: pandas takes longer to load than a whole command
    import pandas as pd

    rows = list(rows)
    tasks = make_frame(rows, values=values)
    arguments = pd.DataFrame(argument_columns([row["arguments"] or {} for row in rows], tasks.index), index=tasks.index)
    found = value_columns(tasks.pop("value")) if values else {}
    return add_columns(arguments, [*tasks.items(), *found.items()])
