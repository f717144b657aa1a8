"""GraphQL types of workers: how the fleet is seen, and what each of it is told."""

from __future__ import annotations

import graphene
from graphene import Boolean, Field, Float, Int, List, NonNull, ObjectType, String

from taskq_kernel.service.schema.enums import WorkerState
from taskq_kernel.service.schema.fields import resolver_of
from taskq_kernel.service.schema.scalars import BigInt, DateTime


class Worker(ObjectType):
    """A member of the fleet."""

    class Meta:
        default_resolver = resolver_of("Worker")

    id = graphene.ID(required=True, description="Its UUID.")
    name = String(required=True, description="Its name.")
    host = String(required=True, description="The machine it runs on.")
    pid = Int(required=True, description="Its process there.")
    runner = String(required=True, description="The kind of its Julia processes.")
    julia_version = String(required=True, description="Their version of Julia.")
    queues = List(NonNull(String), required=True, description="The queues it serves.")
    slots = Int(required=True, description="How many tasks it can run at once.")
    busy = Int(required=True, description="How many it holds.")
    state = Field(WorkerState, required=True, description="Where it stands.")
    joined_at = DateTime(required=True, description="When it first joined.")
    last_seen_at = DateTime(required=True, description="When it last reported.")


class WorkerLease(ObjectType):
    """What a worker gets when it joins."""

    id = graphene.ID(required=True, description="Its id.")
    heartbeat_seconds = Float(required=True, description="How often to report.")
    lease_seconds = Float(required=True, description="How long it may be silent.")
    max_log_bytes = Int(required=True, description="What is kept of the output of one attempt.")
    max_value_bytes = BigInt(required=True, description="The largest value, as JSON.")
    max_array_bytes = BigInt(required=True, description="The largest array of numbers, as a file.")
    max_files_bytes = BigInt(required=True, description="What is kept of one task's files, in all.")


class Claim(ObjectType):
    """A task that a worker now holds."""

    id = graphene.ID(required=True, description="The task.")
    attempt = Int(required=True, description="The attempt: what its outcome has to carry.")


class HeartbeatReply(ObjectType):
    """What a worker is to do."""

    stop = List(NonNull(graphene.ID), required=True, description=(
        "Tasks to stop: cancelled, deleted, or no longer this worker's."
    ))
    settled = List(NonNull(graphene.ID), required=True, description=(
        "Tasks whose outcome has arrived, or is no longer wanted."
    ))
    drain = Boolean(required=True, description="Whether to finish, take nothing more, and leave.")
    heartbeat_seconds = Float(required=True, description="When to report next: the larger the fleet, the later.")
