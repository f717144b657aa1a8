"""Who may do what: one table from the schema's root fields, and the other paths, to roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema

from taskq_kernel.domain import Role
from taskq_kernel.errors import Forbidden
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.tokens import Identity

_EVERYBODY = frozenset(Role)
#: Those who see tasks and batches; a runner what recipes have made.
_READERS = frozenset({Role.ADMIN, Role.USER, Role.RUNNER})
_SUBMITTERS = frozenset({Role.ADMIN, Role.USER})
_WORKERS = frozenset({Role.WORKER})
_ADMINS = frozenset({Role.ADMIN})

#: Every root field, with the roles that may use it; ``docs/security.md`` shows this table.
ALLOWED: dict[str, frozenset[Role]] = {
    "Query.task": _READERS,
    "Query.tasks": _READERS,
    "Query.definition": _SUBMITTERS,
    "Query.source": _WORKERS,
    "Query.heldTasks": _WORKERS,
    "Query.batch": _READERS,
    "Query.batches": _READERS,
    "Query.explainCache": _SUBMITTERS,
    "Query.missingFiles": _SUBMITTERS | _WORKERS,
    "Query.recipes": _READERS,
    "Query.recipe": _READERS,
    "Query.workers": _SUBMITTERS,
    "Query.statistics": _SUBMITTERS,
    "Query.tokens": _ADMINS,
    "Query.shares": _SUBMITTERS,
    "Query.me": _EVERYBODY,
    "Query.serviceVersion": _EVERYBODY,
    "Subscription.taskChanges": _READERS,
    "Mutation.createTask": _SUBMITTERS,
    "Mutation.createTasks": _SUBMITTERS,
    "Mutation.registerDefinition": _SUBMITTERS,
    "Mutation.registerProject": _SUBMITTERS,
    "Mutation.submitBatch": _SUBMITTERS,
    "Mutation.resumeBatch": _SUBMITTERS,
    "Mutation.cancelBatch": _SUBMITTERS,
    "Mutation.deleteBatch": _SUBMITTERS,
    "Mutation.makePoints": _READERS,
    "Mutation.submitRecipe": _READERS,
    "Mutation.submitRecipeSweep": _READERS,
    "Mutation.addRecipe": _ADMINS,
    "Mutation.removeRecipe": _ADMINS,
    "Mutation.cancelTasks": _SUBMITTERS,
    "Mutation.retryTasks": _SUBMITTERS,
    "Mutation.deleteTasks": _SUBMITTERS,
    "Mutation.pruneTasks": _ADMINS,
    "Mutation.drainWorker": _ADMINS,
    "Mutation.createToken": _ADMINS,
    "Mutation.revokeToken": _ADMINS,
    "Mutation.createShare": _SUBMITTERS,
    "Mutation.revokeShare": _SUBMITTERS,
    "Mutation.registerWorker": _WORKERS,
    "Mutation.claimTasks": _WORKERS,
    "Mutation.heartbeat": _WORKERS,
    "Mutation.releaseTasks": _WORKERS,
    "Mutation.declineTasks": _WORKERS,
    "Mutation.leaveWorker": _WORKERS,
    "Mutation.recordOutcomes": frozenset({Role.SINK}),
}

#: What is asked for by path, with the roles that may. Nobody needs a token for ``/healthz``,
#: ``/readyz``, and the page and scripts of GraphiQL: they tell nothing about tasks.
PATHS: dict[str, frozenset[Role]] = {
    "GET /blobs": _READERS | _WORKERS,
    "PUT /blobs": _SUBMITTERS | _WORKERS,
    "GET /metrics": _SUBMITTERS,
    "GET /r": _READERS,
    "POST /r": _SUBMITTERS,
}

_RUNNER = (
    "the role runner may submit only what an administrator has registered, recipes, and see what those made, and "
    "nothing else: ask for a token with the role user"
)


def check(identity: Identity, action: str, roles: frozenset[Role]) -> None:
    """Raise `Forbidden` unless the identity's role is among ``roles``."""
    if identity.role in roles:
        return
    if identity.role is Role.RUNNER and roles == _SUBMITTERS:
        raise Forbidden(_RUNNER, "FORBIDDEN")
    needed = " or ".join(sorted(roles))
    raise Forbidden(
        f"{action} needs a token with the role {needed}, and this one has the role {identity.role}",
        "FORBIDDEN",
    )


def visible_to(identity: Identity, private_tasks: bool) -> Sight | None:
    """Which tasks somebody may see; None where it may see all, as a worker does what it is to run."""
    if identity.role in (Role.ADMIN, Role.WORKER):
        return None
    sight = Sight(identity.name if private_tasks else None, recipes_only=identity.role is Role.RUNNER)
    return None if sight == Sight() else sight


def guard(schema: GraphQLSchema) -> None:
    """Put the table's check before every root field; fail if a field is not in it."""
    for root in filter(None, (schema.query_type, schema.mutation_type, schema.subscription_type)):
        for name, field in root.fields.items():
            roles = ALLOWED[f"{root.name}.{name}"]
            if root is schema.subscription_type:
                field.subscribe = _guarded(name, roles, field.subscribe)
            else:
                field.resolve = _guarded(name, roles, field.resolve)


def _guarded(name: str, roles: frozenset[Role], resolve: Any) -> Callable[..., Any]:
    def guarded(root: GraphQLObjectType, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        check(info.context.identity, name, roles)
        return resolve(root, info, **arguments)

    return guarded
