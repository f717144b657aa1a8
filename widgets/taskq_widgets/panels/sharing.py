"""Links to a task or a batch: made and revoked from the page.

An address goes to the page as a message, and into no trait: what a widget's traits hold is saved with a notebook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskq_kernel.client.sharing import DAYS, create_share, revoke_share
from taskq_kernel.errors import TaskqError

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client


def answer_share(client: Client, content: dict[str, Any]) -> dict[str, Any]:
    """Make a link to what a page asks for, or revoke one; what the page is told of it.

    Parameters
    ----------
    content : dict
        The page's message: ``of``, the id of a task or a batch; ``revoke``, the id of a link that is to end.
    """
    of, ended = str(content.get("of")), content.get("revoke")
    try:
        share = (
            create_share(client.transport, of, DAYS) if ended is None else revoke_share(client.transport, str(ended))
        )
    except TaskqError as error:
        return {"type": "shared", "of": of, "refused": str(error)}
    expires = None if share.expires_at is None else share.expires_at.timestamp()
    return {
        "type": "shared", "of": of, "id": share.id, "url": share.url or "", "expires": expires,
        "note": f"{share.note[:1].upper()}{share.note[1:]}." if share.note else "",
    }
