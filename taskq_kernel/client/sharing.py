"""Links by which others see a task or a batch: made, listed, revoked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import urljoin, urlsplit

from taskq_kernel.client.operations import Row
from taskq_kernel.client.refusals import input_refused, refused
from taskq_kernel.tls import is_loopback
from taskq_kernel.transport.graphql import GraphQLTransport

#: For how long a link is good unless somebody says otherwise.
DAYS = 30.0
#: The most that the service takes.
MAX_DAYS = 36_600
_DAY_S = 86_400.0
_ABOUT = "id task batch name owner createdBy createdAt expiresAt revokedAt"
#: What is said about an address that leads to this machine alone.
ONLY_HERE = (
    "only programs on this machine reach this address: for others, let the service listen beyond it, or set "
    "TASKQ_PUBLIC_URL to the address at which they reach it"
)


@dataclass(frozen=True)
class Share:
    """A link by which others see one task or one batch; printed, it is its address.

    Whoever has the address sees the result, and nothing else of the service.

    Attributes
    ----------
    id : str
        Its UUID, by which it is listed and revoked.
    url : str or None
        Its address; None unless it has just been made: the service keeps only a hash of what is in it.
    task : int or None
        The number of the task that it shows.
    batch : str or None
        The UUID of the batch that it shows.
    name : str or None
        The name of what it shows; None where that has none, or is gone.
    owner, created_by : str
        Whose that is, and who made the link.
    created_at : datetime
        When it was made.
    expires_at, revoked_at : datetime or None
        From when on it leads nowhere.
    """

    id: str
    task: int | None
    batch: str | None
    name: str | None
    owner: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    transport: GraphQLTransport = field(repr=False, compare=False)
    url: str | None = field(default=None, repr=False)

    @property
    def note(self) -> str:
        """What is to be known before the address is sent to others; empty where there is nothing."""
        return ONLY_HERE if self.url is not None and is_loopback(urlsplit(self.url).hostname or "") else ""

    @property
    def state(self) -> str:
        """How it stands now: ``good``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        over = self.expires_at is not None and self.expires_at <= datetime.now().astimezone()
        return "expired" if over else "good"

    def revoke(self) -> Share:
        """Make it lead nowhere, at once; what is kept of it."""
        return revoke_share(self.transport, self.id)

    def __str__(self) -> str:
        return self.url or f"link {self.id} to {self.target}"

    def __repr__(self) -> str:
        return f"<Share of {self.target}: {self.url or f'{self.state}, {self.until}'}>"

    @property
    def until(self) -> str:
        """Until when it is good, on this machine's clock: ``until 2026-12-24 10:00``."""
        return f"until {self.expires_at.astimezone():%Y-%m-%d %H:%M}" if self.expires_at else "until it is revoked"

    @property
    def target(self) -> str:
        """What it shows: ``task 102``, ``batch 0f1e...``."""
        return f"batch {self.batch}" if self.task is None else f"task {self.task}"

    def _repr_html_(self) -> str:
        if self.url is None:
            return f"<span>{escape(repr(self))}</span>"
        note = f"<div>{escape(self.note)}</div>" if self.note else ""
        link = f'<a href="{escape(self.url)}" target="_blank" rel="noopener noreferrer">{escape(self.url)}</a>'
        return f"<div>{link}</div><div>Whoever has this address sees {escape(self.target)}, {self.until}.</div>{note}"


def create_share(transport: GraphQLTransport, target: str, days: float | None = DAYS) -> Share:
    """Make a link to a task or a batch.

    Parameters
    ----------
    target : str
        The task's number or UUID, or the batch's UUID.
    days : float or None
        For how long it is good; None: until it is revoked.

    Raises
    ------
    InvalidTask
        If the time cannot be used.
    NotFound, Forbidden
        If there is no such task or batch, or it is another's.
    """
    if days is not None and not (isinstance(days, int | float) and 0 < days <= MAX_DAYS):
        raise refused(
            f"is {days!r}: give a number of days above 0, or None for as long as nobody revokes it; {MAX_DAYS} are the "
            "most",
            "days",
        )
    query = (
        "mutation Share($id: ID!, $expires: Float) {"
        f" createShare(id: $id, expiresInSeconds: $expires) {{ url share {{ {_ABOUT} }} }} }}"
    )
    with input_refused():
        given = {"id": target, "expires": None if days is None else days * _DAY_S}
        made = transport.execute(query, given)["createShare"]
    # Relative to the folder of /graphql, unless the service knows how others reach it.
    return share_from(made["share"], transport, urljoin(transport.url, made["url"]))


def list_shares(transport: GraphQLTransport, target: str | None = None) -> list[Share]:
    """The links that there are, or those to one task or batch; the oldest first."""
    query = f"query Shares($id: ID) {{ shares(id: $id) {{ {_ABOUT} }} }}"
    with input_refused():
        return [share_from(row, transport) for row in transport.execute(query, {"id": target})["shares"]]


def revoke_share(transport: GraphQLTransport, share_id: str) -> Share:
    """Make a link lead nowhere; what is kept of it.

    Raises
    ------
    NotFound, Forbidden
        If there is none with this id, or it is another's.
    """
    query = f"mutation Revoke($id: ID!) {{ revokeShare(id: $id) {{ {_ABOUT} }} }}"
    with input_refused():
        return share_from(transport.execute(query, {"id": share_id}, repeatable=True)["revokeShare"], transport)


def share_from(row: Mapping[str, Any], transport: GraphQLTransport, url: str | None = None) -> Share:
    """The link that a row is about."""
    return Share(
        row["id"], row["task"], row["batch"], row["name"], row["owner"], row["createdBy"],
        datetime.fromisoformat(row["createdAt"]), _moment(row["expiresAt"]), _moment(row["revokedAt"]), transport, url,
    )


def as_row(share: Share) -> Row:
    """A link as JSON has it, with GraphQL's names; its address where that is known."""
    known = {} if share.url is None else {"url": share.url}
    return known | {
        "id": share.id, "task": share.task, "batch": share.batch, "name": share.name, "owner": share.owner,
        "createdBy": share.created_by, "createdAt": share.created_at.isoformat(),
        "expiresAt": share.expires_at and share.expires_at.isoformat(),
        "revokedAt": share.revoked_at and share.revoked_at.isoformat(),
    }


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
