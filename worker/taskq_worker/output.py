"""What a task prints: decoded, bounded, handed on as it comes."""

from __future__ import annotations

import codecs
from collections.abc import Callable

STREAMS = ("stdout", "stderr")

#: Of what a task may print this part is kept for the end of its output.
_TAIL_SHARE = 8


class TaskOutput:
    """Takes the bytes that one attempt prints and hands text on.

    Seven eighths of the limit are handed on at once. What comes after that is dropped but
    for its last part, which is held back, and handed on at the end, below one line that
    says how much is missing. No more than that is ever held.

    Parameters
    ----------
    limit_bytes : int
        How much of the output is kept, both streams together.
    on_log : callable
        Takes the stream's name and some text.
    """

    def __init__(self, limit_bytes: int, on_log: Callable[[str, str], None]) -> None:
        self._tail_bytes = limit_bytes // _TAIL_SHARE
        self._room = limit_bytes - self._tail_bytes
        self._on_log = on_log
        make = codecs.getincrementaldecoder("utf-8")
        self._decoders = {stream: make("replace") for stream in STREAMS}
        self._tail = bytearray()
        self._tail_stream = STREAMS[0]
        self._beyond = 0

    def feed(self, stream: str, data: bytes) -> None:
        """Take what the task has printed."""
        if self._room > 0:
            kept = data[: self._room]
            self._room -= len(kept)
            self._hand_on(stream, self._decoders[stream].decode(kept))
            data = data[len(kept) :]
        if data:
            self._beyond += len(data)
            self._tail_stream = stream
            self._tail += data[-self._tail_bytes :]
            del self._tail[: -self._tail_bytes]

    def finish(self) -> None:
        """Hand on what was held back."""
        for stream, decoder in self._decoders.items():
            self._hand_on(stream, decoder.decode(b"", final=True))
        if not self._beyond:
            return
        missing = self._beyond - len(self._tail)
        if missing:
            note = f"\n[taskq: {missing:,} bytes of output are left out here]\n"
            self._on_log(self._tail_stream, note)
        self._hand_on(self._tail_stream, self._tail.decode("utf-8", "replace"))
        self._beyond = 0

    def _hand_on(self, stream: str, text: str) -> None:
        if text:
            # Databases and terminals have no use for NUL.
            self._on_log(stream, text.replace("\0", "\ufffd"))
