"""Root fields about files that the service keeps: what is asked before they are sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

import graphene
from graphene import List, NonNull, ObjectType
from graphql import GraphQLResolveInfo

from taskq_kernel.errors import InvalidTask
from taskq_kernel.service.blobs import KEEP_S, Blobs
from taskq_kernel.store.blob_refs import not_of

#: Files that are asked about in one request.
MAX_ASKED = 10_000


class FileQuery(ObjectType):
    """What can be asked about files that the service keeps."""

    missing_files = List(
        NonNull(graphene.ID), required=True,
        description="Those of some files that the service does not have; the others it keeps for an hour at least.",
        sha256=List(
            NonNull(graphene.ID), required=True, description="The SHA-256 of each, at most 10,000.",
        ),
    )

    @staticmethod
    async def resolve_missing_files(_root: Any, info: GraphQLResolveInfo, sha256: Sequence[str]) -> list[str]:
        if len(sha256) > MAX_ASKED:
            raise InvalidTask(f"has {len(sha256)} items: give at most {MAX_ASKED} at once", "sha256")
        context = info.context
        missing = await asyncio.to_thread(_missing, context.runtime.blobs, sha256)
        if context.visible_owner is not None:  # what others have is not told: it has to be sent once more
            there = [ref for ref in dict.fromkeys(sha256) if ref not in missing]
            missing |= await context.runtime.store.read(not_of, context.visible_owner, there)
        return [ref for ref in dict.fromkeys(sha256) if ref in missing]


def _missing(blobs: Blobs, refs: Iterable[str]) -> set[str]:
    """Those that are not there. Those that are will stay, long enough for a task to be made that names them."""
    now = time.time()
    return {ref for ref in refs if not blobs.keep(ref, now - KEEP_S / 2)}
