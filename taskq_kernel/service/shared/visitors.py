"""Who asks for a page, and what of it there is for them: by a link's token, or by a bearer token."""

from __future__ import annotations

import time
from dataclasses import dataclass

from starlette.requests import Request

from taskq_kernel.domain import Role
from taskq_kernel.errors import Forbidden, InvalidTask, NotFound, Unauthorized
from taskq_kernel.service.runtime import Runtime
from taskq_kernel.service.security import access
from taskq_kernel.service.security.throttle import TooManyFailures, address_of
from taskq_kernel.service.shared.addresses import TOKEN
from taskq_kernel.store.ids import canonical_uuid
from taskq_kernel.store.rows import ShareRow
from taskq_kernel.store.shares import Target, find_target, share_of
from taskq_kernel.store.tokens import Identity, hash_token

_ASK = "Ask whoever sent it to you for another."


class Refused(Exception):
    """There is no page for this visitor. What it says tells nothing about any task.

    Attributes
    ----------
    status : int
        HTTP's status.
    title, sentence : str
        What the page says instead.
    headers : dict of str
        What goes with it.
    """

    def __init__(self, status: int, title: str, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.title, self.sentence, self.headers = status, title, sentence, headers or {}


@dataclass(frozen=True, slots=True)
class Visitor:
    """One who may see a page: with a link, or as somebody with a token of the service."""

    share: ShareRow | None = None
    token: str | None = None
    identity: Identity | None = None

    @property
    def recipes_only(self) -> bool:
        """Whether there is only for this visitor what recipes have made."""
        return self.identity is not None and self.identity.role is Role.RUNNER


def unknown() -> Refused:
    """There is nothing here, or not for this visitor: both read the same."""
    return Refused(
        404, "There is no such page",
        "The address is not complete, or it never led to a result. Ask whoever sent it to you for the whole link.",
    )


def gone(what: str) -> Refused:
    """What a link showed is no longer there."""
    return Refused(410, "The result is gone", f"The {what} that this link led to has been deleted.")


async def visitor_of(request: Request, runtime: Runtime) -> Visitor:
    """Who asks.

    Raises
    ------
    Refused
        If nobody who may see anything.
    """
    address = address_of(request)
    try:
        given = request.query_params.getlist(TOKEN)
        if given:
            return await _with_link(given[0] if len(given) == 1 else "", address, runtime)
        identity = await runtime.tokens.identify(request.headers.get("authorization"), address)
        access.check(identity, "seeing a result", access.PATHS[f"{request.method.replace('HEAD', 'GET')} /r"])
    except TooManyFailures as error:
        raise too_many(error.retry_after_s) from None
    except Unauthorized:
        sentence = "A result is seen with the link that its owner has made for it. Ask for one."
        raise Refused(401, "This page needs a link", sentence, {"www-authenticate": "Bearer"}) from None
    except Forbidden as error:
        raise Refused(403, "This is not for you", f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
    _check_pace(runtime, f"as {identity.name}")
    return Visitor(identity=identity)


async def _with_link(token: str, address: str, runtime: Runtime) -> Visitor:
    digest = hash_token(token)
    runtime.throttle.check(address, digest)
    share = await runtime.store.read(share_of, token)
    if share is None:
        runtime.throttle.failed(address, digest)
        raise unknown()
    runtime.throttle.succeeded(address, digest)
    if share.revoked_at is not None:
        raise Refused(410, "The link was revoked", f"It leads nowhere any longer. {_ASK}")
    if share.expires_at is not None and share.expires_at <= time.time():
        raise Refused(410, "The link has expired", f"It was good for a while only. {_ASK}")
    _check_pace(runtime, share.id)
    return Visitor(share, token)


def _check_pace(runtime: Runtime, who: str) -> None:
    wait = runtime.page_pace.take(who)
    if wait:
        raise too_many(wait)


def too_many(wait_s: int) -> Refused:
    """Somebody has to wait."""
    sentence = f"Too much was asked for from here or with this link. Try again in {wait_s} s."
    return Refused(429, "Too many requests", sentence, {"retry-after": str(wait_s)})


async def target_of(given: str, visitor: Visitor, runtime: Runtime) -> Target:
    """What a page's address names, where it is for this visitor.

    Raises
    ------
    Refused
        If it is not there, or not for this visitor.
    """
    share = visitor.share
    if share is None and visitor.identity is not None:
        visible_to = access.visible_to(visitor.identity, runtime.settings.private_tasks)
        try:
            return await runtime.store.read(find_target, given, visible_to)
        except (NotFound, InvalidTask):
            raise unknown() from None
    if share is None:
        raise unknown()
    if share.batch is not None and _uuid(given) == share.batch:
        return Target(share.owner, batch=share.batch)
    try:
        return await runtime.store.read(find_target, given)
    except InvalidTask:
        raise unknown() from None
    except NotFound:
        # Only of what the link itself names is it told that it was there.
        raise (gone("task") if share.task is not None and given == str(share.task) else unknown()) from None


def may_see(visitor: Visitor, number: int, batch: str | None, owner: str) -> bool:
    """Whether a task is what a visitor's link shows, or a point of that; somebody with a token was looked at before."""
    share = visitor.share
    if share is None:
        return True
    if share.task is not None:
        return share.task == number
    return share.batch == batch and share.owner == owner


def may_run_again(visitor: Visitor, owner: str) -> bool:
    """Whether this visitor may have a task run again: nobody can with a link alone."""
    who = visitor.identity
    return who is not None and (who.role is Role.ADMIN or (who.role is Role.USER and who.name == owner))


def _uuid(text: str) -> str | None:
    try:
        return canonical_uuid(text)
    except InvalidTask:
        return None
