"""Processes that outlive the one that started them, locks between programs, free ports.

A `Daemon` is known by its pid file alone, so any program can look after one that another
program started. It leads a session of its own; whatever it has started is found, and ended,
through that session.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from taskq_kernel.errors import SetupError, StackError
from taskq_kernel.local.identity import Identity, identify_child, is_running, session_members

DaemonState = Literal["running", "stopped", "dead"]

#: How often a wait looks again, in seconds.
POLL_S = 0.02
#: How long the kernel may take to remove killed processes, in seconds.
KILL_TIMEOUT_S = 5.0
#: A log longer than this is rotated when its daemon starts again.
MAX_LOG_BYTES = 8 << 20
#: Ports are looked for between this one and those that outgoing connections use.
LOWEST_PORT = 20_000


# -- daemons -----------------------------------------------------------------------------


class Daemon:
    """A process in the background, known by its pid file.

    Parameters
    ----------
    role : str
        Names the pid file, ``<folder>/<role>.pid``, and the daemon in messages.
    folder : Path
        Where the pid file lies; made when the daemon starts.
    """

    def __init__(self, role: str, folder: Path) -> None:
        self.role = role
        self.pid_file = folder / f"{role}.pid"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def state(self) -> DaemonState:
        """``running``; ``stopped`` on purpose, or never started; ``dead`` by itself."""
        identity = self._identity()
        if identity is None:
            return "stopped"
        return "running" if is_running(identity) else "dead"

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.state == "running"

    @property
    def pid(self) -> int | None:
        """Its pid while it runs, else None."""
        identity = self._identity()
        return identity.pid if identity is not None and is_running(identity) else None

    @property
    def exit_code(self) -> int | None:
        """How it ended (negative: by this signal), if this very object started it; else None."""
        return self._process.returncode if self._process is not None else None

    @property
    def exit_reason(self) -> str:
        """How it ended, in words, if it has: only whoever started it is told."""
        process, identity = self._process, self._identity()
        if process is None or identity is None or process.pid != identity.pid:
            return "nobody knows how"
        try:
            code = process.wait(1)  # another thread may just be collecting it
        except subprocess.TimeoutExpired:
            return "nobody knows how"
        if code >= 0:
            return f"exit status {code}"
        return f"killed by {signal.Signals(-code).name}"

    def start(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
        cwd: Path | None = None,
    ) -> int:
        """Start it, in a session of its own.

        Parameters
        ----------
        command : sequence of str
            The program and its arguments.
        env : mapping, optional
            Its whole environment. Default: that of this process.
        log : Path, optional
            Where its standard output and error are appended. Default: nowhere.
        cwd : Path, optional
            Its working folder. Default: that of this process.

        Returns
        -------
        int
            Its pid.

        Raises
        ------
        StackError
            If it runs already, or cannot be started.
        """
        if self.alive:
            raise StackError(f"the {self.role} runs already, as process {self.pid}; stop it first")
        self.pid_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        output = _open_log(log) if log is not None else subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                list(command),
                env=None if env is None else dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise StackError(f"the {self.role} cannot be started: {command[0]}: {error.strerror}") from error
        finally:
            if output != subprocess.DEVNULL:
                os.close(output)
        try:
            self._write(identify_child(process.pid))
        except BaseException:  # the disk is full: nobody would know of it
            process.kill()
            process.wait()
            raise
        self._process = process
        # Its parent has to collect its exit code; a notebook's kernel may be that for days.
        threading.Thread(target=process.wait, name=f"taskq {self.role}", daemon=True).start()
        return process.pid

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Ask it to end (SIGTERM), then kill what is left of its session; forget its pid file.

        Parameters
        ----------
        timeout_s : float
            How long it may take to end by itself, in seconds.

        Returns
        -------
        bool
            False if it had to be killed.

        Raises
        ------
        StackError
            If it is still there after it was killed.
        """
        identity = self._identity()
        if identity is None:
            return True
        in_time = True
        if is_running(identity):
            _signal(identity.pid, signal.SIGTERM)
            _signal(identity.pid, signal.SIGCONT)  # a suspended process hears SIGTERM only then
            in_time = wait_until(lambda: not is_running(identity), timeout_s)
        self._kill(identity)
        self.pid_file.unlink(missing_ok=True)
        return in_time

    def forget(self, pid: int) -> None:
        """Forget its pid file if it names this process: so says one that ends in order that it did not die."""
        if self.pid == pid:
            self.pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it and all it has started at once (SIGKILL). Its state is ``dead`` then."""
        identity = self._identity()
        if identity is not None:
            self._kill(identity)

    def _kill(self, identity: Identity) -> None:
        def gone() -> bool:
            members = session_members(identity)
            for pid in members:  # again each time: it may have started more meanwhile
                _signal(pid, signal.SIGKILL)
            return not members

        if not wait_until(gone, KILL_TIMEOUT_S):
            raise StackError(
                f"the {self.role} (process {identity.pid}) does not end even when killed;"
                " a disk or network file system may be hanging"
            )

    def _identity(self) -> Identity | None:
        try:
            return Identity(**json.loads(self.pid_file.read_text("utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (TypeError, ValueError):  # the disk was full when it was written
            return Identity(0, -1, "")

    def _write(self, identity: Identity) -> None:
        write_private(self.pid_file, json.dumps(asdict(identity)) + "\n")


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _open_log(log: Path) -> int:
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if log.stat().st_size > MAX_LOG_BYTES:
            log.replace(log.with_name(f"{log.name}.1"))
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


# -- waiting, locks, files -----------------------------------------------------------------


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait for a condition; False if it did not come true within ``timeout_s`` seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True


class LockTaken(StackError):
    """Another program holds a lock, and did not let go in time."""


@contextmanager
def file_lock(path: Path, timeout_s: float = 10.0) -> Iterator[None]:
    """Hold a lock that one program at a time can have; it goes with the process that has it.

    Parameters
    ----------
    path : Path
        The lock's file, made if need be. It holds the pid of the last holder.
    timeout_s : float
        How long to wait for the lock, in seconds.

    Raises
    ------
    LockTaken
        If another program still holds the lock then.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not wait_until(lambda: _try_lock(descriptor), timeout_s):
            holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
            raise LockTaken(
                f"another taskq program (process {holder}) is at work on {path.parent};"
                f" it was not done within {timeout_s:g} s"
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except BaseException:  # the disk is full
        temporary.unlink(missing_ok=True)
        raise


def read_from(file: Path, start: int) -> str:
    """What stands in a log from a place on; all of it, if it has become shorter since. Empty if there is none."""
    try:
        with file.open("rb") as log:
            log.seek(start if start <= os.fstat(log.fileno()).st_size else 0)
            return log.read().decode("utf-8", "replace")
    except OSError:
        return ""


# -- ports ---------------------------------------------------------------------------------


def free_port() -> int:
    """A port of the loopback address that nothing listens on.

    It lies below the ports that the kernel gives to outgoing connections, so that none of
    those takes it while its owner is down.

    Raises
    ------
    SetupError
        If no port can be had, because there is no loopback address.
    """
    limit = _first_outgoing_port()
    lowest = LOWEST_PORT if limit > LOWEST_PORT + 1000 else 1024
    for _ in range(200):
        port = lowest + secrets.randbelow(max(limit, lowest + 1000) - lowest)
        if port_is_free(port):
            return port
    raise SetupError("no port of 127.0.0.1 can be had; is the loopback interface up (`ip link set lo up`)?")


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections that linger from a previous server do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
                return False
            raise
    return True


def _first_outgoing_port() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("utf-8").split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768
