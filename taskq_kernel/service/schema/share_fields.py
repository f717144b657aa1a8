"""Root fields about links by which others see a task or a batch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import graphene
from graphene import Field, Float, List, NonNull, ObjectType, String
from graphql import GraphQLResolveInfo

from taskq_kernel.service.schema.fields import resolver_of
from taskq_kernel.service.schema.scalars import DateTime
from taskq_kernel.service.shared.addresses import address_of_share
from taskq_kernel.store import shares
from taskq_kernel.store.rows import ShareRow

log = logging.getLogger(__name__)


class Share(ObjectType):
    """A link by which others see one task or one batch: all of it but the token, which was shown when it was made."""

    class Meta:
        default_resolver = resolver_of("Share")

    id = graphene.ID(required=True, description="Its UUID.")
    task = graphene.Int(description="The number of the task that it shows; null: it shows a batch.")
    batch = graphene.ID(description="The UUID of the batch that it shows; null: it shows a task.")
    name = String(description="The name of what it shows; null where that has none, or is gone.")
    owner = String(required=True, description="Whose that is.")
    created_by = String(required=True, description="Who made the link.")
    created_at = DateTime(required=True, description="When it was made.")
    expires_at = DateTime(description="From when on it leads nowhere; null: never.")
    revoked_at = DateTime(description="When it was revoked.")


class NewShare(ObjectType):
    """A link that has just been made."""

    url = String(required=True, description=(
        "Its address with its token, which is not kept and cannot be had again. It is whole where the service's "
        "public URL is set (TASKQ_PUBLIC_URL), else relative to the folder in which the client finds /graphql."
    ))
    share = Field(Share, required=True, description="What is kept of it.")


class ShareQuery(ObjectType):
    """What can be read of links."""

    shares = List(
        NonNull(Share), required=True,
        description="The links to the asker's tasks and batches and those that it made, an administrator's are all; "
        "the oldest first.",
        id=graphene.ID(description="Only those to this task (its UUID or number) or batch (its UUID)."),
    )

    @staticmethod
    async def resolve_shares(_root: Any, info: GraphQLResolveInfo, id: str | None = None) -> Sequence[ShareRow]:
        found: Sequence[ShareRow] = await info.context.runtime.store.read(shares.list_shares, info.context.actor, id)
        return found


class ShareMutation(ObjectType):
    """What can be done with links."""

    create_share = Field(
        NewShare, required=True,
        description="Make a link by which others see a task or a batch. The answer is the only place that has it.",
        id=graphene.ID(required=True, description="The task (its UUID or number) or the batch (its UUID)."),
        expires_in_seconds=Float(
            default_value=shares.EXPIRY_S, description="For how long it is good; null: until it is revoked.",
        ),
    )
    revoke_share = Field(
        Share, required=True, description="Make a link worthless, at once.",
        id=graphene.ID(required=True, description="The link's id."),
    )

    @staticmethod
    async def resolve_create_share(
        _root: Any, info: GraphQLResolveInfo, id: str, expires_in_seconds: float | None = None
    ) -> dict[str, Any]:
        context = info.context
        made, token = await context.runtime.store.write(shares.create_share, id, expires_in_seconds, context.actor)
        log.info("create link %s to %s by %s", made.id, _target(made), context.identity.name)
        return {"url": address_of_share(context.runtime.settings, made, token), "share": made}

    @staticmethod
    async def resolve_revoke_share(_root: Any, info: GraphQLResolveInfo, id: str) -> ShareRow:
        context = info.context
        gone: ShareRow = await context.runtime.store.write(shares.revoke_share, id, context.actor)
        log.info("revoke link %s to %s by %s", gone.id, _target(gone), context.identity.name)
        return gone


def _target(share: ShareRow) -> str:
    return f"batch {share.batch}" if share.task is None else f"task {share.task}"
