"""GraphQL types of batches."""

from __future__ import annotations

from typing import Any

import graphene
from graphene import Field, Float, Int, List, NonNull, ObjectType, String
from graphql import GraphQLResolveInfo

from taskq_kernel.service.schema.fields import resolver_of
from taskq_kernel.service.schema.scalars import BigInt, DateTime
from taskq_kernel.service.schema.types import StatusCount, declared
from taskq_kernel.store import batches
from taskq_kernel.store.batch_figures import Figures, read_failures, read_figures
from taskq_kernel.store.rows import BatchRow
from taskq_kernel.task_fields import SHARED_FIELDS


class FailureGroup(ObjectType):
    """Points of a batch that failed for one cause."""

    name = String(required=True, description="The exception's name.")
    line = Int(description="The line of the user's code at fault, from 1, where it is known.")
    count = Int(required=True, description="How many points failed so.")
    example = Int(required=True, description="The number of the first of their tasks.")
    point = Int(required=True, description="Its place among the points.")
    message = String(required=True, description="What its error says.")


class Grid(ObjectType):
    """Points that were submitted together."""

    class Meta:
        default_resolver = resolver_of("Grid")

    first = Int(required=True, description="The place of its first point in the batch.")
    count = Int(required=True, description="How many points it has.")
    design = String(required=True, description="Its points, as JSON with columns or axes.")


class BatchFigures(ObjectType):
    """How far a batch is."""

    counts = List(NonNull(StatusCount), required=True, description="Points by status, every status once.")
    done = Int(required=True, description="Points to which nothing more will happen.")
    seconds_left = Float(description="How long the rest takes at the pace of the last points; null without a pace.")
    version = BigInt(required=True, description="The version of the database that this is true of.")

    @staticmethod
    def resolve_counts(figures: Figures, _info: GraphQLResolveInfo) -> list[dict[str, Any]]:
        return [{"status": status, "count": count} for status, count in figures.counts.items()]


_SharedFields: Any = declared(SHARED_FIELDS, "Of each of its points: ")


class Batch(_SharedFields, ObjectType):
    """A definition and its points, found by a name."""

    class Meta:
        default_resolver = resolver_of("Batch")

    id = graphene.ID(required=True, description="Its UUID.")
    name = String(required=True, description="Its name, one of its owner's.")
    owner = String(required=True, description="Who submitted it.")
    definition = graphene.ID(required=True, description="What its points call.")
    definition_name = String(required=True, description="What people call that.")
    entry = String(description="The function to call; null: the definition's own choice.")
    seed = BigInt(description="What the seeds of its points follow from; null: from what each point computes.")
    recipe = String(description="The recipe that its points are made of.")
    total = Int(required=True, description="How many points it has.")
    created_at = DateTime(required=True, description="When it was first submitted.")
    cancelled_at = DateTime(description="When it was cancelled, with points that had no task yet.")
    figures = Field(BatchFigures, required=True, description="How far it is.")
    failures = List(
        NonNull(FailureGroup), required=True, description="Why points failed, the most frequent cause first."
    )
    grids = List(NonNull(Grid), required=True, description="Its points, in the order in which they were submitted.")

    @staticmethod
    async def resolve_figures(row: BatchRow, info: GraphQLResolveInfo) -> Figures:
        store = info.context.runtime.store
        figures: Figures = await store.read(read_figures, row, store.sync.clock())
        return figures

    @staticmethod
    async def resolve_failures(row: BatchRow, info: GraphQLResolveInfo) -> list[Any]:
        found: list[Any] = await info.context.runtime.store.read(read_failures, row.id)
        return found

    @staticmethod
    async def resolve_grids(row: BatchRow, info: GraphQLResolveInfo) -> list[Any]:
        return list(await info.context.runtime.store.read(batches.read_grids, row.id))


class BatchPage(ObjectType):
    """Some batches, the newest first."""

    nodes = List(NonNull(Batch), required=True, description="The batches.")
    total_count = Int(required=True, description="How many there are.")

    @staticmethod
    def resolve_nodes(page: batches.BatchPage, _info: GraphQLResolveInfo) -> list[BatchRow]:
        return page.rows

    @staticmethod
    def resolve_total_count(page: batches.BatchPage, _info: GraphQLResolveInfo) -> int:
        return page.total


class SubmittedBatch(ObjectType):
    """What became of a submission."""

    batch = Field(Batch, required=True, description="The batch.")
    added = Int(required=True, description="How many of the points are new in it.")
    again = Int(required=True, description="How many that failed or were cancelled run again.")
