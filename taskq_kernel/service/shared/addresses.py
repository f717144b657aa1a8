"""What the addresses of shared pages look like. The token goes as the parameter ``share``, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from taskq_kernel.settings import Settings
from taskq_kernel.store.rows import ShareRow

#: The parameter that has a link's token.
TOKEN = "share"  # noqa: S105  (its name)


def address_of_share(settings: Settings, share: ShareRow, token: str) -> str:
    """The address of a new link: whole where the public URL is known, else relative to the service's root."""
    path = f"r/{share.batch if share.task is None else share.task}?{urlencode({TOKEN: token})}"
    return f"{settings.public_url.rstrip('/')}/{path}" if settings.public_url else path


def within(page: str, /, *below: str, token: str | None = None, **parameters: object) -> str:
    """An address relative to the folder of all pages, for links from one to another and to what is below it.

    Parameters
    ----------
    page : str
        The task's number, or the batch's UUID.
    below : str
        What is asked for below it, such as ``value.csv``; a file's path.
    token : str, optional
        The link's token, which goes on from page to page.
    """
    path = "/".join(quote(part, safe="") for one in (page, *below) for part in one.split("/"))
    given: Mapping[str, object] = {**({TOKEN: token} if token else {}), **parameters}
    return f"{path}?{urlencode(given)}" if given else path
