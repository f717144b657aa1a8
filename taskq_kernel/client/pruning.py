"""Pruning as a client asks for it: some seconds of it at a time, until all is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from taskq_kernel.client.operations import Row
from taskq_kernel.client.refusals import input_refused
from taskq_kernel.transport.graphql import GraphQLTransport

_QUERY = """
mutation Prune($age: Float!, $keep: Boolean, $status: [TaskStatus!], $trial: Boolean, $after: String) {
  pruneTasks(olderThanSeconds: $age, keepResults: $keep, status: $status, dryRun: $trial, after: $after) {
    tasks batches tombstones kept sizeBytes fileBytes cursor
  }
}
"""
#: What is added up over the answers.
_COUNTS = ("tasks", "batches", "tombstones", "kept", "sizeBytes")


def prune(
    transport: GraphQLTransport, older_than_s: float, *, keep_results: bool = False,
    status: Sequence[str] | None = None, dry_run: bool = False,
) -> Iterator[Row]:
    """Prune what is done and old; how much went so far, after each answer.

    Raises
    ------
    InvalidTask
        If a status is none of a task that is done, or the age is no time.
    """
    so_far: Row = dict.fromkeys(_COUNTS, 0)
    after: str | None = None
    while True:
        given = {"age": older_than_s, "keep": keep_results, "status": status, "trial": dry_run, "after": after}
        with input_refused():
            # Whatever went is gone: to ask again takes the next.
            found = transport.execute(_QUERY, given, repeatable=True)["pruneTasks"]
        so_far = {name: so_far[name] + found[name] for name in _COUNTS} | {"fileBytes": found["fileBytes"]}
        yield so_far
        after = found["cursor"]
        if after is None:
            return
