"""One Julia process: started, spoken to over pipes, ended with all it has started.

Everything happens on the asyncio loop, with raw descriptors and no threads: the frames
and the output of a hundred slots are a few system calls each.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from taskq_kernel.errors import SetupError
from taskq_worker.julia.command import RunnerCommand
from taskq_worker.julia.process_key import DEFAULT_KEY, ProcessKey
from taskq_worker.sandbox.sandbox import Sandbox
from taskq_worker.slots import descendants
from taskq_worker.slots.folder import WorkFolder, remove_folder
from taskq_worker.slots.frames import (
    HELLO,
    PROTOCOL_VERSION,
    SLACK_BYTES,
    FrameReader,
    Hello,
    Message,
    ProtocolError,
    decode,
)
from taskq_worker.slots.packet_queue import PacketQueue
from taskq_worker.slots.pipes import is_over, waiting_bytes

log = logging.getLogger(__name__)

_READ_BYTES = 1 << 18
#: How much of the newest standard error is kept, for the reason of a crash.
_STDERR_BYTES = 16 * 1024
#: How long a part of a frame may stand alone before the rest counts as missing.
_FRAME_PATIENCE_S = 20.0
#: How long a killed process may take to go: it gives back all its memory first.
_DEATH_PATIENCE_S = 10.0


class Listener(Protocol):
    """Who hears what a process does while a task runs in it."""

    def on_message(self, kind: int, message: Message) -> None:
        """A frame came."""

    def on_output(self, stream: str, data: bytes) -> None:
        """Something was printed."""

    def on_broken(self, reason: str) -> None:
        """What came was no frame, or the pipe was closed. Nothing more will come."""

    def on_exit(self, status: int) -> None:
        """The process is gone: exit code, or minus the number of the signal."""


class JuliaProcess:
    """A warm Julia process. Make one with `start`.

    Attributes
    ----------
    kind : str
        The kind of its runner.
    pid, julia_pid : int
        Its process id; and Julia's own, which differs where a launcher stays between.
    julia_version, julia_flags : str
        As Julia says them: its options are those that decide what it computes.
    cpu_target : str
        The processor that it compiles for.
    threads : int
        How many of its own it has.
    idle_bytes : int
        Resident memory when it was ready for its first task.
    used_bytes : int
        Resident memory when it was looked at last.
    tasks : int
        How many tasks it has run.
    tainted_by : str or None
        SHA-256 of the definition that has changed it: it may run no other code.
    sandbox : Sandbox
        As whom it runs, and its limits.
    key : ProcessKey
        What it was started with, as far as tasks decide about it.
    seen : dict of int to int
        Descendants noticed while tasks ran, with their start times.
    queue : PacketQueue
        Where tasks wait that are sent ahead of their turn.
    """

    def __init__(self, folder: Path, max_value_bytes: int, sandbox: Sandbox, key: ProcessKey, kind: str) -> None:
        self.folder = folder
        self.kind = kind
        self.sandbox = sandbox
        self.key = key
        self.work = WorkFolder(folder / "work", sandbox.own, None if key.project is None else key.project.tree)
        self.pid = 0
        self.julia_pid = 0
        self.julia_version = self.julia_flags = self.cpu_target = ""
        self.threads = 0
        self.idle_bytes = 0
        self.used_bytes = 0
        self.tasks = 0
        self.tainted_by: str | None = None
        self.seen: dict[int, int] = {}
        self.queue = PacketQueue()
        self._listener: Listener | None = None
        self._on_idle_death: Callable[[JuliaProcess], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._frames = FrameReader(max_value_bytes + SLACK_BYTES)
        self._fds: dict[str, int] = {}
        self._unsent = bytearray()
        #: Whether what is unsent waits for room in the pipe.
        self._stuck = False
        self._hello: asyncio.Future[Hello] = self._loop.create_future()
        self._exited: asyncio.Future[int] = self._loop.create_future()
        self._stderr = bytearray()
        self._last_frame_byte = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._poll: asyncio.TimerHandle | None = None

    # -- starting ------------------------------------------------------------------------

    @classmethod
    async def start(
        cls,
        runner: RunnerCommand,
        folder: Path,
        sandbox: Sandbox,
        *,
        max_value_bytes: int,
        timeout_s: float,
        key: ProcessKey = DEFAULT_KEY,
    ) -> JuliaProcess:
        """Start a process in a new folder and wait until it is warm; ``runner`` is that of its key.

        Raises
        ------
        SetupError
            If it does not come up. It says what Julia said.
        """
        own = await asyncio.to_thread(runner.environment)
        self = cls(folder, max_value_bytes, sandbox, key, runner.kind)
        depots = (key.project.depot,) if key.project is not None and key.project.depot is not None else ()
        try:
            await asyncio.to_thread(self.work.make)
            self._spawn(runner, sandbox.environment(self.work.path, own, os.environ, depots))
            await self._greet(timeout_s)
        except OSError as error:
            await self.end()
            raise SetupError(f"Julia cannot be started: {error}") from error
        except BaseException:
            await self.end()
            raise
        self.idle_bytes = self.resident_bytes()
        return self

    def _spawn(self, runner: RunnerCommand, environment: dict[str, str]) -> None:
        theirs: list[int] = []
        try:
            for name in ("frames", "stdout", "stderr"):
                self._fds[name], end = os.pipe()
                theirs.append(end)
            end, self._fds["requests"] = os.pipe()
            theirs.append(end)
            frames, stdout, stderr, requests = theirs
            for fd in self._fds.values():
                os.set_blocking(fd, False)
            self._process = self.sandbox.popen(
                runner.argv(requests, frames, self.queue.child_fd), env=environment, cwd=self.work.path,
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                pass_fds=(requests, frames, self.queue.child_fd), start_new_session=True,
            )  # fmt: skip
        finally:
            for fd in theirs:
                os.close(fd)
        self.pid = self._process.pid
        descendants.register_child(self.pid)
        self._watch_exit()
        self._loop.add_reader(self._fds["frames"], self._read_frames)
        for stream in ("stdout", "stderr"):
            self._loop.add_reader(self._fds[stream], self._read_output, stream)

    def _watch_exit(self) -> None:
        try:
            fd = os.pidfd_open(self.pid)
        except (OSError, AttributeError):  # an old kernel, or one that forbids it
            self._poll_exit()
            return
        self._fds["exit"] = fd
        self._loop.add_reader(fd, self._on_exit)

    def _poll_exit(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._poll = self._loop.call_later(0.05, self._poll_exit)
        else:
            self._on_exit()

    async def _greet(self, timeout_s: float) -> None:
        first: set[asyncio.Future[Any]] = {self._hello, self._exited}
        done, _ = await asyncio.wait(first, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if self._hello in done:
            hello = self._hello.result()
            if hello.protocol != PROTOCOL_VERSION:
                raise SetupError(f"the runner speaks protocol {hello.protocol}, and this worker {PROTOCOL_VERSION}")
            self.julia_version, self.julia_pid = hello.julia, hello.pid
            self.julia_flags, self.cpu_target, self.threads = hello.flags, hello.cpu, hello.threads
            return
        said = self.stderr_text().strip() or "it said nothing"
        if self._exited in done:
            raise SetupError(f"Julia did not start ({_how(self._exited.result())}): {said}")
        raise SetupError(f"Julia was not ready after {timeout_s:g} s: {said}")

    # -- talking -------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether somebody listens to it, for a task runs in it."""
        return self._listener is not None

    def attach(self, listener: Listener) -> None:
        """Tell a listener what it does, until `detach`."""
        self._listener = listener

    def detach(self) -> None:
        """Tell the listener what is in the pipes still, and nothing more."""
        self.drain_output()
        self._listener = None

    def watch_idle(self, on_death: Callable[[JuliaProcess], None]) -> None:
        """Call this if it dies, or closes its pipe, while nobody listens."""
        self._on_idle_death = on_death

    def count_task(self) -> None:
        """It has run one task more."""
        self.tasks += 1

    def taint(self, code_sha256: str) -> None:
        """A definition has changed it: from now on it may run no other code."""
        self.tainted_by = code_sha256

    @property
    def alive(self) -> bool:
        """Whether it can be given a task."""
        return not self._exited.done() and "frames" in self._fds and self._process is not None

    def send(self, frame: bytes) -> None:
        """Send a frame; what does not fit into the pipe follows as it drains."""
        self._unsent += frame
        self._write()

    def _write(self) -> None:
        fd = self._fds.get("requests")
        if fd is None:
            return
        try:
            while self._unsent:
                sent = os.write(fd, self._unsent)
                del self._unsent[:sent]
        except BlockingIOError:
            self._stuck = True
            self._loop.add_writer(fd, self._write)
            return
        except OSError as error:
            self._break(f"its end of the request pipe is closed: {error.strerror}")
        if self._stuck:
            self._stuck = False
            self._loop.remove_writer(fd)

    def has_unread_request(self) -> bool:
        """Whether Julia has not read all that was sent: then it has not begun the task."""
        fd = self._fds.get("requests")
        if self._unsent or fd is None:
            return bool(self._unsent)
        return waiting_bytes(fd) > 0  # either end of a pipe can tell

    def take_frames(self) -> None:
        """Have the listener told what frames are there."""
        if self._listener is not None:
            self._read_frames()

    def _read_frames(self) -> None:
        data = self._read("frames")
        if data is None:
            return
        if not data:
            self._break("it closed its pipe")
            return
        self._last_frame_byte = time.monotonic()
        try:
            for kind, payload in self._frames.feed(data):
                self._take(kind, decode(kind, payload))
        except ProtocolError as error:
            self._break(f"it sent {error}")

    def _take(self, kind: int, message: Message) -> None:
        if kind == HELLO:
            if not self._hello.done() and isinstance(message, Hello):
                self._hello.set_result(message)
        elif self._listener is not None:
            self._listener.on_message(kind, message)

    def check_frames(self) -> None:
        """Notice a frame whose rest does not come. To be called now and then while a task runs."""
        if self._frames.pending and time.monotonic() - self._last_frame_byte > _FRAME_PATIENCE_S:
            self._break("it sent part of a frame")

    def _break(self, reason: str) -> None:
        self._close_fd("frames")
        if self._exited.done():
            return
        if self._listener is None:
            if self._on_idle_death is not None and self._hello.done():
                self._on_idle_death(self)
        else:
            # A process that exits closes its pipe first, and that is the better reason.
            self._loop.call_later(0.2, self._report_break, reason)

    def _report_break(self, reason: str) -> None:
        if self._listener is not None and not self._exited.done():
            self._listener.on_broken(reason)

    def _read_output(self, stream: str) -> bool:
        fd = self._fds.get(stream)
        waiting = 0 if fd is None else waiting_bytes(fd)
        if fd is None or not (waiting or is_over(fd)):
            return False
        if self._listener is not None and waiting:
            # Julia goes on by itself only while nothing waits here: so whoever has printed this still runs, once
            # the ends of those before are heard, which are in the other pipe.
            self._read_frames()
        # No more than was there before the frames were looked at: what comes after a display is told after it.
        data = self._read(stream, waiting)
        if data is None:
            return False
        if not data:
            self._close_fd(stream)
            return False
        if stream == "stderr":
            self._stderr += data
            del self._stderr[:-_STDERR_BYTES]
        if self._listener is not None:
            self._listener.on_output(stream, data)
        return True

    def drain_output(self) -> None:
        """Take everything that is in the pipes now, were it printed before a task's end or its begin."""
        for stream in ("stdout", "stderr"):
            # Bounded: a process left behind may print for ever.
            for _ in range(64):
                if not self._read_output(stream):
                    break

    def stderr_text(self) -> str:
        """The newest part of standard error."""
        return self._stderr.decode("utf-8", "replace")

    def _read(self, name: str, most: int = _READ_BYTES) -> bytes | None:
        """Bytes; none at the end of the stream; None where nothing is there now."""
        fd = self._fds.get(name)
        if fd is None:
            return None
        try:
            return os.read(fd, min(most, _READ_BYTES) or 1)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def interrupt(self) -> None:
        """Have Julia raise an `InterruptException`, as Ctrl-C does."""
        with suppress(ProcessLookupError):
            os.kill(self.julia_pid, signal.SIGINT)

    # -- memory --------------------------------------------------------------------------

    def resident_bytes(self) -> int:
        """Resident memory of the process itself."""
        self.used_bytes = descendants.resident_bytes(self.julia_pid)
        return self.used_bytes

    def tree_resident_bytes(self) -> int:
        """Resident memory with all descendants, which are noted in `seen`."""
        each = {self.pid: descendants.resident_bytes(self.pid)}
        for pid in descendants.descendants_of(self.pid):
            if pid not in self.seen:
                started = descendants.start_time(pid)
                if started is not None:
                    self.seen[pid] = started
            each[pid] = descendants.resident_bytes(pid)
        self.used_bytes = each.get(self.julia_pid, self.used_bytes)
        return sum(each.values())

    def living_descendants(self) -> list[int]:
        """Its descendants that still run."""
        return [pid for pid in descendants.descendants_of(self.pid) if descendants.is_alive(pid)]

    # -- ending --------------------------------------------------------------------------

    def _on_exit(self) -> None:
        if self._process is None or self._exited.done() or self._process.poll() is None:
            return
        self._read_frames()
        self.drain_output()
        self._exited.set_result(self._process.returncode)
        descendants.forget_child(self.pid)
        self._close_fd("exit")
        self._close_fd("frames")
        if self._listener is not None:
            self._listener.on_exit(self._process.returncode)
        elif self._on_idle_death is not None and self._hello.done():
            self._on_idle_death(self)

    async def end(self) -> None:
        """End it and everything it started; remove its folder. Safe to call twice."""
        self._on_idle_death = None
        if self._process is not None:
            if not self._exited.done():
                await descendants.end_tree(self.pid, self.seen)
                await asyncio.wait({self._exited}, timeout=_DEATH_PATIENCE_S)
                if not self._exited.done():
                    log.error("julia process %d does not die", self.pid)
            pipes = [fd for name, fd in self._fds.items() if name in ("stdout", "stderr")]
            await descendants.end_orphans(self.folder, self.seen, pipes, self.sandbox.user)
        self._listener = None
        self.queue.close()
        if self._poll is not None:
            self._poll.cancel()
        for name in list(self._fds):
            self._close_fd(name)
        await asyncio.to_thread(remove_folder, self.folder)

    def killed_by(self, status: int) -> bool:
        """Whether this is how it ends when Julia is killed; a launcher that stays between says so by its exit code."""
        return status == -signal.SIGKILL or (status == 128 + signal.SIGKILL and self.julia_pid != self.pid)

    def _close_fd(self, name: str) -> None:
        fd = self._fds.pop(name, None)
        if fd is not None:
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)
            os.close(fd)


def _how(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit code {status}"
