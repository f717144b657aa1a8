"""Root fields that read. What each gives stands in its description, which the schema has."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import graphene
from graphene import Boolean, Field, Int, List, NonNull, ObjectType, String
from graphql import GraphQLResolveInfo

from taskq_kernel.broker.alarms import explain_block
from taskq_kernel.service.schema import inputs, types, worker_types
from taskq_kernel.service.schema.batch_fields import BatchQuery
from taskq_kernel.service.schema.convert import filter_of, orders_of, tasks_of
from taskq_kernel.service.schema.file_fields import FileQuery
from taskq_kernel.service.schema.inputs import required_list
from taskq_kernel.service.schema.recipe_fields import RecipeQuery
from taskq_kernel.service.schema.scalars import iso
from taskq_kernel.service.schema.selection import wanted
from taskq_kernel.service.schema.share_fields import ShareQuery
from taskq_kernel.service.schema.version import service_version
from taskq_kernel.service.security.auth import FileToken
from taskq_kernel.store.cache_explanation import Explanation, explain_cache
from taskq_kernel.store.definitions import get_definition, source_code
from taskq_kernel.store.grants import still_held
from taskq_kernel.store.pages import Page, read_page
from taskq_kernel.store.records import get_task
from taskq_kernel.store.rows import DefinitionRow, TaskRow, TokenRow, WorkerRow
from taskq_kernel.store.submission import check
from taskq_kernel.store.tokens import Identity, list_tokens
from taskq_kernel.store.window import Window
from taskq_kernel.store.workers import list_workers


class Query(BatchQuery, FileQuery, RecipeQuery, ShareQuery, ObjectType):
    """What can be read."""

    task = Field(
        types.Task, required=True, description="One task.",
        id=graphene.ID(required=True, description="Its UUID or its number."),
    )
    tasks = Field(
        types.TaskConnection, required=True, description="Tasks, page by page.",
        filter=inputs.TaskFilter(description="Which tasks; all of them by default."),
        order_by=List(NonNull(inputs.TaskOrder), description="What to order by; by default the number."),
        first=Int(description="How many from the start, 0 to 1000; by default 50."),
        after=String(description="The cursor to start after."),
        last=Int(description="How many from the end, 0 to 1000."),
        before=String(description="The cursor to end before."),
        offset=Int(
            default_value=0,
            description="How many to skip there: after the start, with last before the end; 0 to 1,000,000.",
        ),
    )
    definition = Field(
        types.Definition, required=True, description="One definition.",
        id=graphene.ID(required=True, description="Its id."),
    )
    source = String(
        required=True, description="Code by its SHA-256, for a worker whose task's message does not have it.",
        sha256=graphene.ID(required=True, description="In lower-case hexadecimal digits."),
    )
    held_tasks = List(
        NonNull(worker_types.Claim), required=True,
        description="Those of some attempts that a worker still holds, and may start: it was given them.",
        worker=graphene.ID(required=True, description="The worker's id."),
        tasks=required_list(inputs.TaskAttempt, "The attempts."),
    )
    explain_cache = Field(
        types.CacheExplanation, required=True, description="Why a task with cache would run, or would not have to.",
        input=inputs.TaskInput(required=True, description="The task."),
    )
    workers = List(
        NonNull(worker_types.Worker), required=True, description="The fleet.",
        all=Boolean(default_value=False, description="Also the workers that are gone."),
    )
    statistics = Field(types.Statistics, required=True, description="Where everything stands.")
    tokens = List(
        NonNull(types.Token), required=True,
        description="Every token: those of the service's tokens file, then those made here, the oldest first.",
    )
    me = Field(types.Identity, required=True, description="Whom the token stands for.")
    service_version = String(required=True, description="The release of this service.")

    @staticmethod
    async def resolve_task(_root: object, info: GraphQLResolveInfo, id: str) -> TaskRow:
        task: TaskRow = await info.context.runtime.store.read(
            get_task, id, wanted(info), info.context.visible_to
        )
        return task

    @staticmethod
    async def resolve_tasks(
        _root: object, info: GraphQLResolveInfo, filter: dict[str, Any] | None = None,
        order_by: Sequence[dict[str, Any]] | None = None, **window: Any,
    ) -> Page:
        # Null is the default, too: a client's variable that is not set.
        asked_for = Window(**{name: value for name, value in window.items() if value is not None})
        page: Page = await info.context.runtime.store.read(
            read_page, filter_of(filter, info.context.visible_to), orders_of(order_by), asked_for, wanted(info)
        )
        return page

    @staticmethod
    async def resolve_definition(_root: object, info: GraphQLResolveInfo, id: str) -> DefinitionRow:
        found: DefinitionRow = await info.context.runtime.store.read(get_definition, id)
        return found

    @staticmethod
    async def resolve_source(_root: object, info: GraphQLResolveInfo, sha256: str) -> str:
        code: str = await info.context.runtime.store.read(source_code, sha256)
        return code

    @staticmethod
    async def resolve_held_tasks(
        _root: object, info: GraphQLResolveInfo, worker: str, tasks: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        given = [(item["id"], item["attempt"]) for item in tasks]
        runtime = info.context.runtime
        held = await runtime.store.read(still_held, worker, given, time.time(), runtime.policy.lease_s)
        return [{"id": task_id, "attempt": attempt} for task_id, attempt in held]

    @staticmethod
    async def resolve_explain_cache(_root: object, info: GraphQLResolveInfo, input: dict[str, Any]) -> Explanation:
        new = check(tasks_of([{**input, "cache": True}])[0], "input")
        found: Explanation = await info.context.runtime.store.read(
            explain_cache, new, info.context.identity.name
        )
        return found

    @staticmethod
    async def resolve_workers(_root: object, info: GraphQLResolveInfo, all: bool = False) -> list[WorkerRow]:
        fleet: list[WorkerRow] = await info.context.runtime.store.read(list_workers, everyone=all)
        return fleet

    @staticmethod
    async def resolve_statistics(_root: object, info: GraphQLResolveInfo) -> dict[str, Any]:
        runtime = info.context.runtime
        read = await runtime.statistics.get(info.context.visible_owner)
        return {
            "counts": [{"status": status, "count": count} for status, count in read.counts.items()],
            "total": sum(read.counts.values()),
            "slots": read.slots,
            "busy": read.busy,
            "workers_online": read.workers_online,
            "finished_per_minute": read.finished_per_minute,
            "last_hour": [
                {"at": iso(at), "finished": finished, "failed": failed}
                for at, finished, failed in read.last_hour
            ],
            "broker_connected": runtime.broker_connected,
            "broker_blocked": explain_block(runtime.broker_blocked) if runtime.broker_blocked else None,
            "unserved_queues": await runtime.waiting.unserved(info.context.visible_owner),
            "outbox_length": read.outbox_length,
            "version": read.version,
        }

    @staticmethod
    async def resolve_tokens(_root: object, info: GraphQLResolveInfo) -> list[TokenRow | FileToken]:
        runtime = info.context.runtime
        return [*runtime.tokens.of_file, *await runtime.store.read(list_tokens)]

    @staticmethod
    def resolve_me(_root: object, info: GraphQLResolveInfo) -> Identity:
        identity: Identity = info.context.identity
        return identity

    @staticmethod
    def resolve_service_version(_root: object, _info: GraphQLResolveInfo) -> str:
        return service_version()
