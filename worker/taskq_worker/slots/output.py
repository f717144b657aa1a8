"""What a task prints: decoded, bounded, handed on as it comes."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable, Mapping

from taskq_kernel import displays, task_log

STREAMS = ("stdout", "stderr")

#: Pieces that are held become one up to this size: longer ones would be copied over and over.
_PIECE_BYTES = 4096


class TaskOutput:
    """Takes the bytes that one attempt prints and hands text on.

    The beginning is handed on at once. What comes after that is dropped but for its last
    part, which is held back, and handed on at the end, below one line that says how much
    is missing (`taskq_kernel.task_log` has the shares). No more than that is ever held, and
    all that is handed on, that line included, is no longer than the limit: the service
    cuts what is.

    Parameters
    ----------
    limit_bytes : int
        How much of the output is kept as UTF-8, both streams together, with what is displayed.
    on_log : callable
        Takes the stream's name and some text.
    """

    def __init__(self, limit_bytes: int, on_log: Callable[[str, str], None]) -> None:
        self._limit_bytes = limit_bytes
        self._room, self._tail_bytes = task_log.shares(limit_bytes)
        # What would fit without that line is held, until it is known that it is needed.
        self._most_held = limit_bytes - self._room
        self._on_log = on_log
        make = codecs.getincrementaldecoder("utf-8")
        self._decoders = {stream: make("replace") for stream in STREAMS}
        self._held: deque[tuple[str, bytes]] = deque()
        self._held_bytes = 0
        self._dropped = 0

    def feed(self, stream: str, data: bytes) -> None:
        """Take what the task has printed."""
        self._take(stream, self._decoders[stream].decode(data))

    def display(self, bundle: Mapping[str, str], note: str = "") -> None:
        """Take what the task displays: handed on whole, or as its text, where there is no room for more."""
        piece = displays.piece_of(bundle, note)
        size = len(piece.encode())
        if size <= self._room:
            self._room -= size
            self._on_log(displays.STREAM, piece)
        else:
            self._take(STREAMS[0], displays.text_of(piece) + task_log.display_left_out(size, self._limit_bytes))

    def finish(self) -> None:
        """Hand on what was held back."""
        for stream, decoder in self._decoders.items():
            self._take(stream, decoder.decode(b"", final=True))
        if self._dropped:
            self._hold_at_most(self._tail_bytes)
            self._on_log(self._held[0][0] if self._held else STREAMS[0], task_log.left_out(self._dropped))
        for stream, raw in self._held:
            self._on_log(stream, raw.decode())
        self._held.clear()
        self._held_bytes = self._dropped = 0

    def _take(self, stream: str, text: str) -> None:
        # Databases and terminals have no use for NUL. Half a character takes more room as text
        # than it took as a byte, so it is the text that is measured.
        raw = text.replace("\0", "\ufffd").encode()
        if self._room > 0 and raw:
            head = task_log.beginning(raw, self._room)
            self._room -= len(head)
            self._on_log(stream, head.decode())
            raw = raw[len(head) :]
        if raw:
            self._hold(stream, raw)

    def _hold(self, stream: str, raw: bytes) -> None:
        if self._held and self._held[-1][0] == stream and len(self._held[-1][1]) < _PIECE_BYTES:
            before = self._held.pop()[1]
            raw, self._held_bytes = before + raw, self._held_bytes - len(before)
        self._held.append((stream, raw))
        self._held_bytes += len(raw)
        self._hold_at_most(self._most_held)

    def _hold_at_most(self, size: int) -> None:
        """Drop what was printed first, whole characters of it."""
        while self._held and self._held_bytes > size:
            stream, raw = self._held.popleft()
            rest = self._held_bytes - len(raw)
            kept = task_log.end(raw, size - rest) if rest < size else b""
            self._dropped += len(raw) - len(kept)
            self._held_bytes = rest + len(kept)
            if kept:
                self._held.appendleft((stream, kept))
                return
