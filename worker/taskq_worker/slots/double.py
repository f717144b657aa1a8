"""A Julia process for tests that need no Julia: Python that speaks a slot's frames.

`DoubleCommand` stands for `JuliaCommand`; what it starts is this file, as a program. Its tasks are
expressions that mean the same in Julia and in Python, such as ``6 * 7``, ``print("x")``,
``progress(0.5, "half")``, ``write("x.csv", "1")``, ``sleep(9)``, ``error("no")``, ``exit()``, or in a cell
``display("text/html", "<b>x</b>")``; the same tests run with it and with Julia. Everything around the process is a
slot's own.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from taskq_worker.julia.prepared_project import JuliaProgram
from taskq_worker.julia.process_key import DEFAULT_KEY, ProcessKey
from taskq_worker.slots.frames import BYE, DISPLAY, END, HEADER, HELLO, MAGIC, PROGRESS, PROTOCOL_VERSION, RUN
from taskq_worker.slots.packet_queue import MOST_BYTES
from taskq_worker.slots.pipes import waiting_bytes


@dataclass(frozen=True)
class DoubleCommand:
    """How the double is started.

    Parameters
    ----------
    start_s : float
        How long it takes to be warm.
    key : ProcessKey
        What it is started with besides.
    julia : tuple of int
        The version of the Julia that it stands for.
    """

    start_s: float = 0.0
    key: ProcessKey = DEFAULT_KEY
    julia: tuple[int, int, int] = (1, 11, 3)

    @property
    def kind(self) -> str:
        return "double"

    def argv(self, requests_fd: int, frames_fd: int, ahead_fd: int) -> list[str]:
        descriptors = map(str, (requests_fd, frames_fd, ahead_fd))
        return [sys.executable, "-P", "-u", __file__, *descriptors, str(self.start_s)]

    def environment(self) -> dict[str, str]:
        heap = self.key.heap_bytes
        hint = {} if heap is None else {"DOUBLE_HEAP_BYTES": str(heap)}
        return {**dict(self.key.variables), "JULIA_NUM_THREADS": str(self.key.threads), **hint}

    def started_with(self, key: ProcessKey) -> DoubleCommand:
        return replace(self, key=key)

    def takes_heap_size(self) -> bool:
        return True

    @property
    def program(self) -> JuliaProgram:
        return JuliaProgram(json.dumps(self.julia), Path(), self.takes_heap_size())

    def run_by(self, program: JuliaProgram) -> DoubleCommand:
        return replace(self, julia=tuple(json.loads(program.executable)))

    def version(self) -> tuple[int, int, int]:
        return self.julia

    def identity(self) -> str:
        return "double"

    def prepare_argv(self, tree: Path, packages: Sequence[str]) -> list[str]:
        """A script in the project, ``prepare.py``, stands for Julia's package manager."""
        return [sys.executable, "-u", str(tree / "prepare.py"), *packages]

    def needs(self) -> list[Path]:
        return [Path(sys.executable), Path(sys.prefix), Path(sys.base_prefix), Path(__file__)]

    def probe(self) -> list[str]:
        return [sys.executable, "--version"]


class _Error(Exception):
    """What ``error`` raises."""


class _Child:
    def __init__(self, requests_fd: int, frames_fd: int, ahead_fd: int) -> None:
        self._ahead = socket.socket(fileno=ahead_fd)
        self._requests = os.fdopen(requests_fd, "rb")
        self._frames_fd = frames_fd
        self._job = 0
        #: What the cells of a session have defined, with ``(x := 1)``.
        self._shared = self._names()

    def serve(self) -> None:
        self._send(HELLO, {"protocol": PROTOCOL_VERSION, "julia": "0.0.0", "pid": os.getpid(), "threads": 1})
        while header := self._requests.read(HEADER.size):
            _, kind, _, size = HEADER.unpack(header)
            request: dict[str, Any] | None = json.loads(self._requests.read(size))
            if kind != RUN:
                raise ValueError(f"a frame of the unknown type {kind}")
            while request is not None:
                request = self._run(request)
        self._send(BYE, None)

    def _run(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Run a task; the one to go on with at once."""
        self._job, began = request["job"], time.monotonic()
        os.chdir(os.environ["HOME"])  # a new folder, under the same path
        told: dict[str, Any]
        try:
            value = eval(request["code"], self._shared if "cell" in request else self._names())  # noqa: S307  (a test's own expression)
        except Exception as error:
            name = "ErrorException" if isinstance(error, _Error) else type(error).__name__
            told = {"error": {"name": name, "message": str(error)}}
        else:
            told = {"value": {"kind": "JSON", "type": "Any", "text": repr(value), "note": "", "data": value}}
        took_s = time.monotonic() - began
        ending = {"seconds": took_s, "took_s": took_s, "children": False, "tainted": "", "left": ""}
        in_order = "value" in told and "cell" not in request and not any(map(waiting_bytes, (1, 2)))
        goes_on = in_order and not any(Path().iterdir())
        ahead = self._next_ahead() if goes_on else None
        following = {"next": ahead["job"] if ahead else 0} if goes_on else {}
        self._send(END, {"job": self._job, **ending, **following, **told})
        return ahead

    def _next_ahead(self) -> dict[str, Any] | None:
        try:
            packet = self._ahead.recv(MOST_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        request: dict[str, Any] = json.loads(packet)
        return request

    def _names(self) -> dict[str, Any]:
        return {
            "progress": self._progress, "sleep": time.sleep, "error": _error, "exit": os._exit, "ENV": os.environ,
            "write": _write, "display": self._display,
        }

    def _progress(self, fraction: float, message: str = "") -> None:
        self._send(PROGRESS, {"job": self._job, "fraction": fraction, "message": message})

    def _display(self, mime: str, text: str) -> None:
        while any(map(waiting_bytes, (1, 2))):  # what is printed before is read before
            time.sleep(0.001)
        self._send(DISPLAY, {"job": self._job, "data": {mime: text}, "note": ""})

    def _send(self, kind: int, content: dict[str, Any] | None) -> None:
        payload = b"" if content is None else json.dumps(content).encode()
        frame = HEADER.pack(MAGIC, kind, 0, len(payload)) + payload
        while frame:
            frame = frame[os.write(self._frames_fd, frame) :]


def _write(name: str, text: str) -> int:
    return Path(name).write_text(text, encoding="utf-8")


def _error(message: str) -> NoReturn:
    raise _Error(message)


if __name__ == "__main__":
    if "DOUBLE_FAILS" in os.environ:
        sys.exit("no good")
    time.sleep(float(sys.argv[4]))
    _Child(*map(int, sys.argv[1:4])).serve()
