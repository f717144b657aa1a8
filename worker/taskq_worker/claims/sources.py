"""Code of definitions that is too long for the messages of their tasks: asked for once, then at hand."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from taskq_worker.claims.patience import NotWanted, patiently

#: How much code is kept, in characters; what was needed last is dropped last.
MOST_CHARACTERS = 32 << 20


class Sources:
    """Code by its SHA-256.

    Parameters
    ----------
    fetch : callable
        Asks the service for the code with this SHA-256.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[str]]) -> None:
        self._fetch = fetch
        self._kept: OrderedDict[str, str] = OrderedDict()
        #: What is being asked for: several slots want the same at once.
        self._asked: dict[str, asyncio.Task[str]] = {}

    async def code(self, sha256: str, wanted: Callable[[], bool]) -> str | None:
        """The code with this SHA-256; None if it is no longer wanted while the service is away.

        Raises
        ------
        ServiceError
            If the service does not have it.
        """
        if sha256 not in self._kept:
            try:
                self._keep(sha256, await patiently(lambda: asyncio.shield(self._asking(sha256)), wanted))
            except NotWanted:
                return None
        self._kept.move_to_end(sha256)
        return self._kept[sha256]

    def _asking(self, sha256: str) -> asyncio.Task[str]:
        if sha256 not in self._asked:
            asking = self._asked[sha256] = asyncio.ensure_future(_awaited(self._fetch(sha256)))
            asking.add_done_callback(lambda _: self._asked.pop(sha256, None))
        return self._asked[sha256]

    def _keep(self, sha256: str, code: str) -> None:
        self._kept[sha256] = code
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > MOST_CHARACTERS:
            self._kept.popitem(last=False)


async def _awaited(code: Awaitable[str]) -> str:
    return await code
