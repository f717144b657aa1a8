"""Files on their way to a browser, in pieces that it asks for one by one.

A page asks for a file, is told its size with the first piece, and asks for the next when it has that: so a large
one fills no queue, holds up no other message for long, and ends when the page is closed or asks for another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from taskq_kernel.errors import TaskqError
from taskq_widgets.live import in_background

#: Bytes in one message.
PIECE_BYTES = 1 << 20
#: Files that are kept at the same time.
_MOST = 2

Send = Callable[[dict[str, Any], list[bytes]], None]


class Transfers:
    """Sends files piece by piece, one for each display at a time.

    Parameters
    ----------
    send
        Sends a message and its buffers to the browser.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._guard = threading.Lock()
        self._files: dict[str, tuple[str, bytes]] = {}

    def answer(self, content: Mapping[str, Any], make: Callable[[], bytes]) -> None:
        """Answer a page that wants a file, which may take a while to make, or its next piece, or no more of it."""
        view, request = str(content["view"]), str(content.get("request"))
        if content["type"] == "file":
            in_background(self.begin, view, request, make)
        elif content["type"] == "file-next":
            self.go_on(view, request, int(content["offset"]))
        else:
            self.end(view)

    def begin(self, view: str, request: str, make: Callable[[], bytes]) -> None:
        """Make a file and send its first piece, or why there is none."""
        try:
            data = make()
        except (TaskqError, ValueError, LookupError, TypeError, ArithmeticError, MemoryError) as error:
            self._send({"type": "file", "view": view, "request": request, "error": str(error)}, [])
            return
        with self._guard:
            self._files.pop(view, None)
            self._files[view] = request, data
            while len(self._files) > _MOST:
                del self._files[next(iter(self._files))]  # a page that is gone may not have said so
        self.go_on(view, request, 0)

    def go_on(self, view: str, request: str, offset: int) -> None:
        """Send the piece at ``offset``, if the page has not asked for another file meanwhile."""
        with self._guard:
            of, data = self._files.get(view, ("", b""))
            if of != request or not 0 <= offset <= len(data):
                return
            if offset + PIECE_BYTES >= len(data):
                del self._files[view]
        message = {"type": "file", "view": view, "request": request, "offset": offset, "size": len(data)}
        self._send(message, [data[offset : offset + PIECE_BYTES]])

    def end(self, view: str) -> None:
        """Forget the file that a display was taking."""
        with self._guard:
            self._files.pop(view, None)
