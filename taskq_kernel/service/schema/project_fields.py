"""Root fields about projects: what makes one of files that were uploaded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import graphene
from graphene import Field, Int, List, NonNull, ObjectType, String
from graphql import GraphQLResolveInfo

from taskq_kernel.service.project_files import read_project
from taskq_kernel.service.schema.scalars import BigInt
from taskq_kernel.store import projects

log = logging.getLogger(__name__)


class Project(ObjectType):
    """A folder that tasks can have at hand."""

    id = graphene.ID(required=True, description="SHA-256 of its manifest.")
    files = Int(required=True, description="How many files it has.")
    size = BigInt(required=True, description="How many bytes they have, all together.")


class ProjectMutation(ObjectType):
    """What can be done with projects."""

    register_project = Field(
        Project, required=True, description=(
            "Make a project of a manifest and of files that were uploaded; once, however often it is sent."
        ),
        manifest=graphene.ID(required=True, description="SHA-256 of the manifest."),
        julia=List(NonNull(String), description=(
            "The versions of Julia, such as 1.11.3 or 1.11, of which it takes one; by default any."
        )),
    )

    @staticmethod
    async def resolve_register_project(
        _root: Any, info: GraphQLResolveInfo, manifest: str, julia: Sequence[str] | None = None
    ) -> dict[str, Any]:
        context = info.context
        runtime = context.runtime
        limits = runtime.settings.project_size, runtime.settings.project_files
        read = await asyncio.to_thread(read_project, runtime.blobs, manifest, *limits)
        await runtime.store.write(projects.register_project, manifest, read, context.identity.name, julia or ())
        log.info("register project %s (%d files) by %s", manifest[:12], len(read.files), context.identity.name)
        return {"id": manifest, "files": len(read.files), "size": read.size}
