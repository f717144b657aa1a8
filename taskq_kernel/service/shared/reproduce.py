"""Running a task once more from its page: for those who have a token of the service, and never with a link alone.

A browser has such a token from what stands before the service, a proxy that signs people in, and then sends it with
every request, also with one that another site has made. So the form has a proof that only a page of the service
holds, which no other site can read: a hash of the task's number, keyed with the token itself.
"""

from __future__ import annotations

import hmac
import logging
from urllib.parse import parse_qs

from starlette.requests import Request

from taskq_kernel.domain import Role, TaskStatus
from taskq_kernel.service.runtime import Runtime
from taskq_kernel.service.security.access import visible_to
from taskq_kernel.service.shared.visitors import Refused, Visitor, may_run_again
from taskq_kernel.store.bulk_actions import Actor, Selection, retry_tasks
from taskq_kernel.store.rows import TaskRow

log = logging.getLogger(__name__)

#: What a form may have, in bytes.
_FORM_BYTES = 4096


def proof_of(request: Request, visitor: Visitor, task: TaskRow) -> str:
    """What the form of a task's page has to have; empty where this visitor may not run it again."""
    if task.status != TaskStatus.FINISHED or not may_run_again(visitor, task.owner):
        return ""
    key = request.headers.get("authorization", "").encode()
    return hmac.digest(key, f"reproduce {task.id}".encode(), "sha256").hex()


async def run_again(request: Request, runtime: Runtime, visitor: Visitor, task: TaskRow) -> int:
    """Run a task once more; the number of the new one.

    Raises
    ------
    Refused
        If this visitor may not, or the form was not the task's own page's.
    """
    expected, given = proof_of(request, visitor, task), await _proof_in(request)
    elsewhere = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    if not expected or elsewhere or not hmac.compare_digest(expected.encode(), given.encode()):
        sentence = "Only the owner of a finished task, or an administrator, runs it again, and from its own page."
        raise Refused(403, "This was not run again", sentence)
    who = visitor.identity
    if who is None:
        raise AssertionError("a proof is for somebody")
    actor = Actor(
        who.name, own_only=who.role is not Role.ADMIN, visible_to=visible_to(who, runtime.settings.private_tasks)
    )
    done = await runtime.store.write(retry_tasks, Selection(ids=[task.id]), actor, frozenset({"tasks"}))
    runtime.metrics.submitted.inc(done.created)
    log.info("reproduce task %d as %d by %s", task.number, done.tasks[0].number, who.name)
    return done.tasks[0].number


async def _proof_in(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            return ""
    found = parse_qs(body.decode("ascii", "replace")).get("proof", [])
    return found[0] if len(found) == 1 else ""
