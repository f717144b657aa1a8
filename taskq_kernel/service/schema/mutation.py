"""Root fields that change something. What each does stands in its description, which the schema has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import graphene
from graphene import Boolean, Field, Float, Int, List, NonNull, ObjectType, String
from graphql import GraphQLResolveInfo

from taskq_kernel.domain import Role
from taskq_kernel.errors import InvalidTask
from taskq_kernel.service.blobs import Blobs, check_files, check_given
from taskq_kernel.service.jobs.pruner import Cursor, Pruned
from taskq_kernel.service.schema import enums, inputs, types, worker_types
from taskq_kernel.service.schema.batch_fields import BatchMutation
from taskq_kernel.service.schema.convert import claim_report_of, name_of, outcome_of, rule_of, selection_of, tasks_of
from taskq_kernel.service.schema.inputs import required_list
from taskq_kernel.service.schema.project_fields import ProjectMutation
from taskq_kernel.service.schema.recipe_fields import RecipeMutation
from taskq_kernel.service.schema.selection import wanted
from taskq_kernel.service.schema.share_fields import ShareMutation
from taskq_kernel.store import bulk_actions, claims, create, declined, definitions, outcomes, tokens, workers
from taskq_kernel.store.rows import DefinitionRow, TaskRow, TokenRow, WorkerRow
from taskq_kernel.store.submission import NewTask, check, check_all, check_definition
from taskq_kernel.task_files import given_files

log = logging.getLogger(__name__)

#: How many outcomes, claims or reports come in one request at most.
MAX_ITEMS = 10_000
#: How long one request prunes, in seconds.
PRUNE_S = 5.0


def _selected(verb: str, **arguments: Any) -> Any:
    """A bulk action: a field that changes selected tasks."""
    return Field(
        types.BulkResult, required=True,
        description=f"{verb} Give exactly one of ids and filter; if an id is unknown, nothing is changed.",
        ids=List(NonNull(graphene.ID), description="UUIDs or numbers."),
        filter=inputs.TaskFilter(description="All tasks that match."),
        **arguments,
    )


def _worker_argument() -> Any:
    return graphene.ID(required=True, description="The worker's id.")


class Mutation(BatchMutation, ProjectMutation, RecipeMutation, ShareMutation, ObjectType):
    """What can be changed."""

    create_task = Field(
        types.Task, required=True, description="Submit a task.",
        input=inputs.TaskInput(required=True, description="The task."),
    )
    create_tasks = List(
        NonNull(types.Task), required=True,
        description="Submit up to 10,000 tasks in one transaction: all of them, or none.",
        inputs=required_list(inputs.TaskInput, "The tasks."),
    )
    register_definition = Field(
        types.Definition, required=True, description="Register code that tasks call; once, however often it is sent.",
        input=inputs.DefinitionInput(required=True, description="The definition."),
    )
    cancel_tasks = _selected("Cancel tasks that wait or run.")
    retry_tasks = _selected(
        "Run tasks that ended once more: what failed or was cancelled as a new attempt, what finished as a new task "
        "that repeats it, so that no value is lost.",
        elsewhere=Boolean(default_value=False, description=(
            "Whether such a new task is kept off the worker that ran the first one: for a minute, while another one "
            "serves its queue and has what it needs."
        )),
    )
    delete_tasks = _selected("Delete tasks; those that wait or run are cancelled first.")
    prune_tasks = Field(
        types.Pruned, required=True, description=(
            "Remove tasks that are done and old, with all that hangs on them, or take all from them but their results. "
            "It takes a few seconds at most: while the answer has a cursor, ask again with it."
        ),
        older_than_seconds=Float(required=True, description="How long ago they ended at least."),
        keep_results=Boolean(default_value=False, description="Whether values, arguments, seeds and code stay."),
        status=List(NonNull(enums.TaskStatus), description="Only tasks that ended so; by default all that ended."),
        dry_run=Boolean(default_value=False, description="Only find out what would go."),
        after=String(description="The cursor of the last answer."),
    )
    drain_worker = Field(
        worker_types.Worker, required=True, description="Ask a worker to finish what it holds and to leave.",
        id=_worker_argument(),
    )
    create_token = Field(
        types.NewToken, required=True, description="Make a token. The answer is the only place that has it.",
        name=String(required=True, description="Whom it stands for: the owner of what it submits."),
        role=graphene.Argument(enums.Role, required=True, description="What it may do."),
        expires_in_seconds=Float(description="For how long it is good; by default until it is revoked."),
    )
    revoke_token = Field(
        types.Token, required=True, description="Make a token worthless, at once.",
        id=graphene.ID(required=True, description="The token's id."),
    )
    register_worker = Field(
        worker_types.WorkerLease, required=True, description="Join the fleet, or come back to it.",
        input=inputs.WorkerInput(required=True, description="The worker."),
    )
    claim_tasks = List(
        NonNull(worker_types.Claim), required=True,
        description="Take tasks. The answer has those granted; the messages of the others can be dropped.",
        worker=_worker_argument(), ids=required_list(graphene.ID, "The tasks' UUIDs."),
    )
    heartbeat = Field(
        worker_types.HeartbeatReply, required=True,
        description="Renew the lease of everything the worker holds, and report on it.",
        worker=_worker_argument(),
        held=required_list(inputs.HeldTask, "Everything that the worker holds."),
        logs=required_list(inputs.LogInput, "What its tasks printed since the last report."),
    )
    release_tasks = Int(
        required=True, description="Requeue tasks that were claimed and never started.",
        worker=_worker_argument(), tasks=required_list(inputs.TaskAttempt, "The claims."),
    )
    decline_tasks = Int(
        required=True,
        description="Say of waiting tasks that the worker can never run them: others get them, or they wait for one.",
        worker=_worker_argument(), ids=required_list(graphene.ID, "The tasks' UUIDs."),
    )
    leave_worker = Boolean(
        required=True, description="Leave the fleet; what the worker still holds goes back at once.",
        worker=_worker_argument(),
    )
    record_outcomes = List(
        NonNull(enums.Verdict), required=True, description="Record how attempts ended; a verdict for each.",
        outcomes=required_list(inputs.OutcomeInput, "The outcomes."),
    )

    @staticmethod
    async def resolve_create_task(_root: object, info: GraphQLResolveInfo, input: dict[str, Any]) -> TaskRow:
        return (await _create(info, [check(tasks_of([input])[0], "input")]))[0]

    @staticmethod
    async def resolve_create_tasks(
        _root: object, info: GraphQLResolveInfo, inputs: list[dict[str, Any]]
    ) -> list[TaskRow]:
        return await _create(info, check_all(tasks_of(inputs)))

    @staticmethod
    async def resolve_register_definition(
        _root: object, info: GraphQLResolveInfo, input: dict[str, Any]
    ) -> DefinitionRow:
        context = info.context
        new = check_definition(input, "input")
        made: DefinitionRow = await context.runtime.store.write(
            definitions.register_definition, new, context.identity.name
        )
        log.info("register definition %s (%s) by %s", made.id, made.name, context.identity.name)
        return made

    @staticmethod
    async def resolve_cancel_tasks(
        _root: object, info: GraphQLResolveInfo, ids: Sequence[str] | None = None, filter: Any = None
    ) -> bulk_actions.BulkResult:
        return await _bulk_action(info, bulk_actions.cancel_tasks, "cancel", ids, filter)

    @staticmethod
    async def resolve_retry_tasks(
        _root: object, info: GraphQLResolveInfo, ids: Sequence[str] | None = None, filter: Any = None,
        elsewhere: bool | None = False,
    ) -> bulk_actions.BulkResult:
        retry = partial(bulk_actions.retry_tasks, elsewhere=bool(elsewhere))
        done = await _bulk_action(info, retry, "retry", ids, filter)
        info.context.runtime.metrics.submitted.inc(done.created)
        return done

    @staticmethod
    async def resolve_delete_tasks(
        _root: object, info: GraphQLResolveInfo, ids: Sequence[str] | None = None, filter: Any = None
    ) -> bulk_actions.BulkResult:
        return await _bulk_action(info, bulk_actions.delete_tasks, "delete", ids, filter)

    @staticmethod
    async def resolve_prune_tasks(
        _root: object, info: GraphQLResolveInfo, older_than_seconds: float, keep_results: bool | None = False,
        status: Sequence[Any] | None = None, dry_run: bool | None = False, after: str | None = None,
    ) -> Pruned:
        runtime = info.context.runtime
        rule = rule_of(runtime.store.sync.clock(), older_than_seconds, bool(keep_results), status)
        cursor = None if after is None else Cursor.of(after)
        done: Pruned = await runtime.pruner.prune(rule, PRUNE_S, cursor, trial=bool(dry_run))
        if cursor is None:
            log.info("prune what ended %.0f s ago by %s", older_than_seconds, info.context.identity.name)
        return done

    @staticmethod
    async def resolve_drain_worker(_root: object, info: GraphQLResolveInfo, id: str) -> WorkerRow:
        worker: WorkerRow = await info.context.runtime.store.write(workers.drain_worker, id)
        log.info("drain worker %s by %s", worker.name, info.context.identity.name)
        return worker

    @staticmethod
    async def resolve_create_token(
        _root: object, info: GraphQLResolveInfo, name: str, role: Any, expires_in_seconds: float | None = None
    ) -> dict[str, Any]:
        context = info.context
        token, secret = await context.runtime.store.write(
            tokens.issue_token, name, Role(name_of(role)), expires_in_seconds
        )
        log.info("create token %s: %s for %s by %s", token.id, role, name, context.identity.name)
        return {"secret": secret, "token": token}

    @staticmethod
    async def resolve_revoke_token(_root: object, info: GraphQLResolveInfo, id: str) -> TokenRow:
        context = info.context
        context.runtime.tokens.check_revocable(id)
        token: TokenRow = await context.runtime.store.write(tokens.revoke_token, id)
        context.runtime.tokens.forget()
        log.info("revoke token %s of %s by %s", token.id, token.name, context.identity.name)
        return token

    @staticmethod
    async def resolve_register_worker(
        _root: object, info: GraphQLResolveInfo, input: dict[str, Any]
    ) -> dict[str, Any]:
        runtime = info.context.runtime
        policy = runtime.policy
        worker_id = await runtime.store.write(workers.register_worker, workers.NewWorker(**input), policy)
        runtime.offer_queues(input["queues"])
        log.info("register worker %s (%s), %d slots", input["name"], worker_id, input["slots"])
        return {
            "id": worker_id, "heartbeat_seconds": policy.heartbeat_s, "lease_seconds": policy.lease_s,
            "max_log_bytes": policy.max_log_bytes, "max_value_bytes": policy.max_value_bytes,
            "max_array_bytes": policy.max_array_bytes, "max_files_bytes": policy.max_files_bytes,
        }

    @staticmethod
    async def resolve_claim_tasks(
        _root: object, info: GraphQLResolveInfo, worker: str, ids: Sequence[str]
    ) -> list[dict[str, Any]]:
        _few(ids, "ids")
        granted = await info.context.runtime.store.write(claims.claim_tasks, worker, ids)
        log.debug("claim %d of %d tasks by %s", len(granted), len(ids), worker)
        return [{"id": task_id, "attempt": attempt} for task_id, attempt in granted]

    @staticmethod
    async def resolve_heartbeat(
        _root: object, info: GraphQLResolveInfo, worker: str, held: Sequence[dict[str, Any]],
        logs: Sequence[dict[str, Any]],
    ) -> claims.Reply:
        _few(held, "held")
        _few(logs, "logs")
        runtime = info.context.runtime
        reply: claims.Reply = await runtime.store.write(
            claims.heartbeat, worker, [claim_report_of(item) for item in held],
            [claims.Log(**item) for item in logs], runtime.policy,
        )
        return reply

    @staticmethod
    async def resolve_release_tasks(
        _root: object, info: GraphQLResolveInfo, worker: str, tasks: Sequence[dict[str, Any]]
    ) -> int:
        _few(tasks, "tasks")
        pairs = [(item["id"], item["attempt"]) for item in tasks]
        count: int = await info.context.runtime.store.write(workers.release_tasks, worker, pairs)
        log.info("release %d tasks by %s", count, worker)
        return count

    @staticmethod
    async def resolve_decline_tasks(
        _root: object, info: GraphQLResolveInfo, worker: str, ids: Sequence[str]
    ) -> int:
        _few(ids, "ids")
        count: int = await info.context.runtime.store.write(declined.decline_tasks, worker, ids)
        log.info("worker %s declines %d tasks", worker, count)
        return count

    @staticmethod
    async def resolve_leave_worker(_root: object, info: GraphQLResolveInfo, worker: str) -> bool:
        count = await info.context.runtime.store.write(workers.leave_worker, worker)
        log.info("worker %s left; %d tasks went back", worker, count)
        return True

    @staticmethod
    async def resolve_record_outcomes(
        _root: object, info: GraphQLResolveInfo, outcomes: Sequence[dict[str, Any]]
    ) -> list[str]:
        _few(outcomes, "outcomes")
        return await _record(info, outcomes)


async def _create(info: GraphQLResolveInfo, new: Sequence[NewTask]) -> list[TaskRow]:
    context = info.context
    #: What tasks are given in files, each text once, with the first task that has it.
    files: dict[str, int] = {}
    for index, task in enumerate(new):
        check_given(context.runtime.blobs, task.arguments, index)
        if task.input_files is not None:
            files.setdefault(task.input_files, index)
    if files:  # which may be many
        await asyncio.to_thread(_check_files, context.runtime.blobs, context.runtime.policy.max_files_bytes, files)
    created, count = await context.runtime.store.write(
        create.create_tasks, new, context.identity.name, wanted(info), context.visible_to, context.runtime.out_of_reach
    )
    context.runtime.metrics.submitted.inc(count)
    what = f"task {created[0].number}" if len(created) == 1 else f"{count} tasks"
    log.info("submit %s by %s", what, context.identity.name)
    return list(created)


def _check_files(blobs: Blobs, limit_bytes: int, files: Mapping[str, int]) -> None:
    for text, index in files.items():
        check_files(blobs, given_files(text), limit_bytes, index)


async def _bulk_action(
    info: GraphQLResolveInfo, operation: Any, verb: str, ids: Sequence[str] | None, given: Any
) -> bulk_actions.BulkResult:
    context = info.context
    done: bulk_actions.BulkResult = await context.runtime.store.write(
        operation, selection_of(ids, given), context.actor, wanted(info)
    )
    what = f"task {done.tasks[0].number}" if len(done.tasks) == 1 else f"{len(done.tasks)} tasks"
    log.info("%s %s by %s: %d changed", verb, what, context.identity.name, done.changed)
    return done


async def _record(info: GraphQLResolveInfo, given: Sequence[dict[str, Any]]) -> list[str]:
    runtime = info.context.runtime
    read = [outcome_of(item, place) for place, item in enumerate(given)]
    verdicts = await runtime.store.write(outcomes.record_outcomes, read, runtime.policy)
    for verdict in verdicts:
        runtime.metrics.outcomes.labels(verdict).inc()
    for outcome, verdict in zip(read, verdicts, strict=True):
        if verdict == "REFUSED":
            log.warning("outcome refused: task %s, attempt %d", outcome.id, outcome.attempt)
    if len(read) == 1:
        log.info("outcome of task %s: %s, %s", read[0].id, read[0].status, verdicts[0])
    else:
        log.info("outcomes of %d tasks", len(read))
    return [name_of(verdict) for verdict in verdicts]


def _few(items: Sequence[Any], name: str) -> None:
    if len(items) > MAX_ITEMS:
        raise InvalidTask(f"has {len(items)} items: give at most {MAX_ITEMS} at once", name)
