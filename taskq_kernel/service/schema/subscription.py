"""The root field that is followed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import graphene
from graphene import Field, ObjectType
from graphql import GraphQLResolveInfo

from taskq_kernel.service.schema import inputs, types
from taskq_kernel.service.schema.convert import filter_of
from taskq_kernel.service.schema.scalars import BigInt
from taskq_kernel.service.schema.selection import wanted
from taskq_kernel.store.made import Changes


class Subscription(ObjectType):
    """What can be followed live."""

    task_changes = Field(
        types.TaskChanges, required=True,
        description=(
            "Changes of tasks. One event comes at once, with the current version and the changes so far; "
            "then one per batch of changes, up to 20 ms later where no task has ended, and up to 50 ms after a large "
            "one or after changes of others alone; at most 500 tasks each. "
            "A client that comes back goes on from the last version it has seen and misses nothing."
        ),
        since_version=BigInt(description="The version to go on from; by default from now on."),
        of_database=graphene.ID(
            description="The database that the version is one of, as an event named it; another one is refused."
        ),
        filter=inputs.TaskFilter(description="Which tasks to send; deleted ones are always named."),
    )

    @staticmethod
    async def subscribe_task_changes(
        _root: object, info: GraphQLResolveInfo, since_version: int | None = None,
        of_database: str | None = None, filter: dict[str, Any] | None = None,
    ) -> AsyncIterator[Changes]:
        visible_to = info.context.visible_to
        # Those who may see everything and ask for everything share one reading.
        task_filter = None if filter is None and visible_to is None else filter_of(filter, visible_to)
        events = info.context.runtime.feed.follow(since_version, task_filter, wanted(info), of_database)
        async with aclosing(events):
            async for event in events:
                yield event
