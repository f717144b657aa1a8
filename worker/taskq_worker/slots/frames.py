"""Frames: how a supervisor and a Julia process talk. ``docs/protocol.md`` describes them.

The same constants stand in ``julia/runner/wire.jl``; a test compares the three.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from taskq_kernel.domain import ValueKind
from taskq_kernel.exact_json import check_arguments
from taskq_kernel.messages import Blas, ErrorInfo, Timing

#: Grows with every change that an older runner or supervisor would misread.
PROTOCOL_VERSION = 3

MAGIC = b"TQ"
#: Magic, type, a zero byte, length of the payload; little-endian.
HEADER = struct.Struct("<2sBBI")

RUN = 0x01
HELLO = 0x11
PROGRESS = 0x12
EVALUATED = 0x13
END = 0x14
BYE = 0x15
SERIES = 0x16
DISPLAY = 0x17

#: The largest array that is kept whole, unless the service says otherwise.
MAX_ARRAY_BYTES = 1 << 30
#: What a frame may hold beside a value.
SLACK_BYTES = 1 << 20


class ProtocolError(Exception):
    """What came is not a frame, or not one that may come now."""


class Hello(msgspec.Struct, frozen=True):
    """The process is warm and waits for a task."""

    protocol: int
    julia: str
    pid: int
    threads: int
    #: Its options that decide what it computes, and for which processor it compiles.
    flags: str = ""
    cpu: str = ""


class Progress(msgspec.Struct, frozen=True):
    """How far the running task has come."""

    job: int
    fraction: float
    message: str


class Series(msgspec.Struct, frozen=True):
    """What the running task has reported as series of numbers, thinned for a picture."""

    job: int
    series: msgspec.Raw


class Display(msgspec.Struct, frozen=True):
    """What the running cell displays: by MIME type, images in base64; and what of it was left out."""

    job: int
    data: dict[str, str]
    note: str


class Evaluated(msgspec.Struct, frozen=True):
    """The task's code is done; its value, of this type, is being put into JSON."""

    job: int
    seconds: float
    type: str


class Value(msgspec.Struct, frozen=True):
    """What a task returned, in the form that fits."""

    kind: ValueKind
    type: str
    text: str
    note: str
    #: The value's JSON as Julia wrote it; of one that is in a file, what is there.
    data: msgspec.Raw
    file: bool = False


class End(msgspec.Struct, frozen=True):
    """The task is over: a value or an error, and what it left in the process."""

    job: int
    seconds: float
    #: How long it took in all, in seconds, from when it was taken up.
    took_s: float
    #: Whether the process has children, dead ones not yet collected included.
    children: bool
    #: What the code changed in the process for good; empty if nothing.
    tainted: str
    #: What the code left running or open; empty if nothing.
    left: str
    #: The run that was sent ahead and that Julia goes on with at once; 0: none was there; None: it may not go on.
    next: int | None = None
    #: Where its time went.
    timing: Timing | None = None
    #: Its linear algebra, where that is loaded.
    blas: Blas | None = None
    #: All its series, whole.
    series: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    retryable: bool = True
    value: Value | None = None
    error: ErrorInfo | None = None


_decoders: dict[int, msgspec.json.Decoder[Any]] = {
    HELLO: msgspec.json.Decoder(Hello),
    PROGRESS: msgspec.json.Decoder(Progress),
    SERIES: msgspec.json.Decoder(Series),
    DISPLAY: msgspec.json.Decoder(Display),
    EVALUATED: msgspec.json.Decoder(Evaluated),
    END: msgspec.json.Decoder(End),
}

Message = Hello | Progress | Series | Display | Evaluated | End | None


def run_frame(
    job: int,
    kind: str,
    code: str,
    sha256: str,
    entry: str | None,
    seed: int,
    arguments: Mapping[str, Any] | msgspec.Raw,
    max_value_bytes: int,
    max_array_bytes: int = MAX_ARRAY_BYTES,
    files: Mapping[str, str] | None = None,
    cell: str | None = None,
    max_display_bytes: int = 0,
) -> bytes:
    """The frame that starts a task.

    Arguments that are JSON already are checked and passed on as they are.

    Raises
    ------
    TypeError, ValueError, RecursionError
        If the arguments are no JSON.
    """
    if isinstance(arguments, msgspec.Raw):
        given = bytes(arguments)
        check_arguments(given)
    else:
        given = _json(arguments)
    fields = {
        "job": job,
        "kind": kind,
        "code": code,
        "sha256": sha256,
        "entry": entry,
        "seed": seed,
        **({"cell": cell} if cell else {}),
        **({"max_display_bytes": max_display_bytes} if max_display_bytes else {}),
        **({"files": files} if files else {}),
    }
    limits = b'"max_value_bytes":%d,"max_array_bytes":%d' % (max_value_bytes, max_array_bytes)
    payload = b'%s,"arguments":%s,%s}' % (_json(fields)[:-1], given, limits)
    return frame_of(payload)


def frame_of(payload: bytes) -> bytes:
    """The frame with this request."""
    return HEADER.pack(MAGIC, RUN, 0, len(payload)) + payload


def _json(fields: Mapping[str, Any]) -> bytes:
    # The standard library's encoder: it writes every string that Python can hold, lone
    # surrogates as escapes; msgspec does not.
    return json.dumps(fields, separators=(",", ":")).encode()


def decode(kind: int, payload: bytes) -> Message:
    """Decode a frame from Julia; None for one without content.

    Raises
    ------
    ProtocolError
        If its type is unknown or its payload is not what the type says.
    """
    if kind == BYE:
        return None
    decoder = _decoders.get(kind)
    if decoder is None:
        raise ProtocolError(f"a frame of the unknown type {kind:#04x}")
    try:
        message: Message = decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"a frame of type {kind:#04x} that cannot be read: {error}") from error
    return message


class FrameReader:
    """Cuts a stream of bytes into frames.

    Parameters
    ----------
    limit_bytes : int
        The longest payload to accept.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._buffer = bytearray()
        self._limit_bytes = limit_bytes

    @property
    def pending(self) -> bool:
        """Whether part of a frame has come."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Take bytes; yield the type and payload of each frame that they complete.

        Raises
        ------
        ProtocolError
            As soon as what came cannot be a frame.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            magic, kind, zero, size = HEADER.unpack_from(self._buffer)
            if magic != MAGIC or zero:
                raise ProtocolError(f"bytes that are no frame: {bytes(self._buffer[:16])!r}")
            if size > self._limit_bytes:
                raise ProtocolError(f"a frame of {size} bytes, and {self._limit_bytes} is the limit")
            end = HEADER.size + size
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[HEADER.size : end])
            del self._buffer[:end]
            yield kind, payload
        if self._buffer and not MAGIC.startswith(bytes(self._buffer[: len(MAGIC)])):
            raise ProtocolError(f"bytes that are no frame: {bytes(self._buffer[:16])!r}")
