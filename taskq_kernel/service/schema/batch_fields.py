"""Root fields about batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import graphene
from graphene import Field, Int, List, NonNull, ObjectType, String
from graphql import GraphQLResolveInfo

from taskq_kernel.errors import InvalidTask
from taskq_kernel.service.blobs import check_files
from taskq_kernel.service.schema import batch_types, inputs
from taskq_kernel.store import batches, expansion
from taskq_kernel.store.batches import BatchPage
from taskq_kernel.store.submission import check_batch
from taskq_kernel.store.window import DEFAULT_PAGE, MAX_PAGE
from taskq_kernel.task_files import given_files

log = logging.getLogger(__name__)

#: Points of which tasks are made out of turn in one request.
MAX_OUT_OF_TURN = 1_000
#: Batches that can be skipped in a list.
MAX_OFFSET = 1_000_000


def _batch_id() -> Any:
    return graphene.ID(required=True, description="The batch's id.")


class BatchQuery(ObjectType):
    """What can be read of batches."""

    batch = Field(
        batch_types.Batch, required=True, description="One batch; give exactly one of id and name.",
        id=graphene.ID(description="Its id."),
        name=String(description="Its name: of the asker's own, or the only one of that name."),
    )
    batches = Field(
        batch_types.BatchPage, required=True, description="Batches, the newest first.",
        first=Int(default_value=DEFAULT_PAGE, description="How many, 0 to 1000."),
        offset=Int(default_value=0, description="How many to skip, 0 to 1,000,000."),
        name=String(description="Only those with this in their name, whatever the case."),
        owner=String(description="Only this owner's."),
    )

    @staticmethod
    async def resolve_batch(
        _root: Any, info: GraphQLResolveInfo, id: str | None = None, name: str | None = None
    ) -> Any:
        context = info.context
        if (id is None) == (name is None):
            raise InvalidTask("give either the id of a batch or its name, and not both")
        if id is not None:
            return await context.runtime.store.read(batches.get_batch, id, context.visible_to)
        return await context.runtime.store.read(
            batches.find_batch, name, context.identity.name, context.visible_to
        )

    @staticmethod
    async def resolve_batches(
        _root: Any, info: GraphQLResolveInfo, first: int | None, offset: int | None, name: str | None = None,
        owner: str | None = None,
    ) -> BatchPage:
        # Null is the default, too: a client's variable that is not set.
        first = DEFAULT_PAGE if first is None else first
        offset = offset or 0
        for field, given, most in (("first", first, MAX_PAGE), ("offset", offset, MAX_OFFSET)):
            if not 0 <= given <= most:
                raise InvalidTask(f"is {given}: give 0 to {most}", field)
        page: BatchPage = await info.context.runtime.store.read(
            batches.list_batches, first, offset, name, owner, info.context.visible_to
        )
        return page


class BatchMutation(ObjectType):
    """What can be done with batches."""

    submit_batch = Field(
        batch_types.SubmittedBatch, required=True, description=(
            "Submit a definition with its points, of which tasks are made as workers come to them. Under a name that "
            "is there, what finished stays, what failed or is missing runs, and new points are added."
        ),
        input=inputs.BatchInput(required=True, description="The batch."),
    )
    resume_batch = Int(
        required=True, description="Have run what failed, was cancelled or is missing; how many that had a task.",
        id=_batch_id(),
    )
    cancel_batch = Int(required=True, description="Cancel what is not done; how many points.", id=_batch_id())
    delete_batch = Int(required=True, description="Delete it with its tasks; how many points.", id=_batch_id())
    make_points = Int(
        required=True, description="Make the tasks of some points out of turn; how many had none.", id=_batch_id(),
        points=List(NonNull(Int), required=True, description="Their places in the batch, at most 1000."),
    )

    @staticmethod
    async def resolve_submit_batch(
        _root: Any, info: GraphQLResolveInfo, input: dict[str, Any]
    ) -> batches.Submitted:
        new = check_batch(input, "input")
        runtime = info.context.runtime
        files, limit = given_files(new.input_files), runtime.policy.max_files_bytes
        await asyncio.to_thread(check_files, runtime.blobs, files, limit)
        done: batches.Submitted = await _write(info, batches.submit_batch, new, info.context.actor)
        log.info(
            "submit batch %s (%s): %d points are new of %d, by %s",
            done.batch.id, done.batch.name, done.added, done.batch.total, info.context.identity.name,
        )
        return done

    @staticmethod
    async def resolve_resume_batch(_root: Any, info: GraphQLResolveInfo, id: str) -> int:
        return await _changed(info, "resume", batches.resume_batch, id)

    @staticmethod
    async def resolve_cancel_batch(_root: Any, info: GraphQLResolveInfo, id: str) -> int:
        return await _changed(info, "cancel", batches.cancel_batch, id)

    @staticmethod
    async def resolve_delete_batch(_root: Any, info: GraphQLResolveInfo, id: str) -> int:
        return await _changed(info, "delete", batches.delete_batch, id)

    @staticmethod
    async def resolve_make_points(_root: Any, info: GraphQLResolveInfo, id: str, points: Sequence[int]) -> int:
        if len(points) > MAX_OUT_OF_TURN:
            raise InvalidTask(f"has {len(points)} items: give at most {MAX_OUT_OF_TURN} at once", "points")
        context = info.context
        await context.runtime.store.read(batches.own_batch, id, context.actor)
        made: int = await _write(info, expansion.make_points, id, points, context.runtime.expander.grids)
        return made


async def _changed(info: GraphQLResolveInfo, verb: str, operation: Any, batch: str) -> int:
    count: int = await _write(info, operation, batch, info.context.actor)
    log.info("%s batch %s by %s: %d points", verb, batch, info.context.identity.name, count)
    return count


async def _write(info: GraphQLResolveInfo, operation: Any, *arguments: Any) -> Any:
    runtime = info.context.runtime
    result = await runtime.store.write(operation, *arguments)
    runtime.expander.wake()
    return result
