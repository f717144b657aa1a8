"""The private RabbitMQ node of a local stack.

It is started from the distribution's package as an ordinary user, listens on the loopback
address only, and shares nothing with a RabbitMQ that the machine may run: not its data, its
cookie, its port mapper (epmd), nor its plugins. RabbitMQ holds nothing that taskq cannot
rebuild from its database, so a node whose data is beyond repair starts afresh.
"""

from __future__ import annotations

import logging
import re
import resource
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import dropwhile, takewhile
from pathlib import Path
from textwrap import shorten
from urllib.parse import quote

import psutil

from taskq_kernel.errors import StackError
from taskq_kernel.local.amqp_login import LoginRefused, can_log_in
from taskq_kernel.local.processes import Daemon, DaemonState, file_lock, port_is_free, read_from, wait_until
from taskq_kernel.local.rabbit_files import USER, NodeFacts, NodeFiles, RabbitServer, find_server

log = logging.getLogger(__name__)

#: Erlang sizes tables by the limit on open files, and some containers set that to a billion.
MAX_OPEN_FILES = 65_536
#: How long the node's own ports may need to be free again, and what it had started to end, in seconds.
PORTS_S = 3.0
STRAYS_S = 3.0
#: How much of RabbitMQ's log an error carries.
LAST_WORDS_LINES = 12
LAST_WORDS_CHARS = 800

#: How much of the log's end is looked at for RabbitMQ's words on being told to stop.
LOG_END_BYTES = 4096
_ORDERLY_STOP = ("SIGTERM received - shutting down", "RabbitMQ is asked to stop")
_PREFIX = re.compile(r"^\d{4}-\S+ \S+ \[\w+\] <[\d.]+> ?")
_VERDICTS = ("BOOT FAILED", "Exception during startup:")


class _BootError(Exception):
    """The node ended, or refuses its own password, before it was ready."""

    def __init__(self, reason: str, killed: bool = False) -> None:
        super().__init__("it was killed as it started" if killed else reason)
        self.killed = killed


class RabbitNode:
    """A RabbitMQ node of its own, in a folder of its own.

    Parameters
    ----------
    home : Path
        The node's folder; made at the first start. See `taskq_kernel.local.rabbit_files`.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.files = NodeFiles(home)
        self._node = Daemon("rabbitmq", home / "run")
        self._epmd = Daemon("epmd", home / "run")
        #: How long the node's log was when it was started.
        self._log_size = 0

    # -- looking -------------------------------------------------------------------------

    @property
    def state(self) -> DaemonState:
        """``running``; ``stopped`` on purpose, or never started; ``dead`` by itself."""
        return self._node.state

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._node.alive

    @property
    def pid(self) -> int | None:
        """The pid of its Erlang machine while it runs, else None."""
        return self._node.pid

    @property
    def url(self) -> str:
        """Its AMQP URL, password included.

        Raises
        ------
        StackError
            If the node was never started.
        """
        facts = self._started_facts()
        return f"amqp://{USER}:{quote(facts.password, safe='')}@127.0.0.1:{facts.amqp}/%2F"

    @property
    def redacted_url(self) -> str:
        """Its AMQP URL without the password."""
        return f"amqp://{USER}@127.0.0.1:{self._started_facts().amqp}/%2F"

    @property
    def exit_reason(self) -> str:
        """How it ended, in words, if it is dead."""
        return self._node.exit_reason

    def was_stopped_in_order(self) -> bool:
        """Whether a node that has ended was stopped in order, by SIGTERM or ``rabbitmqctl stop``."""
        said = read_from(self.files.log, max(0, _size(self.files.log) - LOG_END_BYTES))
        return any(word in said for word in _ORDERLY_STOP)

    def answers(self) -> bool:
        """Whether a client can log in now."""
        facts = self.files.read_facts()
        with suppress(_BootError):
            return facts is not None and _answers(facts)
        return False

    # -- starting ------------------------------------------------------------------------

    def start(self, timeout_s: float = 60.0) -> None:
        """Start it unless it runs; return when clients can log in.

        Raises
        ------
        SetupError
            If RabbitMQ is not installed.
        StackError
            If the node does not start; with the last lines of its log that say why.
        """
        deadline = time.monotonic() + timeout_s
        server = find_server()
        with file_lock(self.home / "lock", timeout_s):
            if self.alive and self.answers():
                return
            self._halt()  # a node that hangs, and what a killed one left behind
            facts = self._choose_facts()
            had_data = self.files.data.is_dir()
            try:
                self._boot(server, facts, deadline)
            except _BootError as error:
                self._start_again(server, facts, deadline, error, had_data)

    def _choose_facts(self) -> NodeFacts:
        facts = self.files.read_facts()
        if facts is None:
            # Without its name and password the data is of no use to anybody.
            shutil.rmtree(self.files.data, ignore_errors=True)
            facts = NodeFacts.new()
        elif not _free_soon(facts.ports):
            facts = facts.on_other_ports()
        self.files.write_facts(facts)
        return facts

    def _start_again(
        self, server: RabbitServer, facts: NodeFacts, deadline: float, first: _BootError, had_data: bool
    ) -> None:
        """Try once more, without what may have been in the way: a port, or the data."""
        aside = self.home / "data.broken"
        data_is_suspect = all(port_is_free(port) for port in facts.ports)
        if first.killed or (data_is_suspect and not had_data):
            raise StackError(f"RabbitMQ does not start: {first}") from None
        if data_is_suspect:
            log.warning("RabbitMQ does not start with its data, trying without: %s", first)
            shutil.rmtree(aside, ignore_errors=True)
            self.files.data.replace(aside)
        else:
            facts = facts.on_other_ports()
            self.files.write_facts(facts)
        try:
            self._boot(server, facts, deadline)
        except _BootError as error:
            if data_is_suspect:
                shutil.rmtree(self.files.data, ignore_errors=True)
                aside.replace(self.files.data)
            raise StackError(f"RabbitMQ does not start: {error}") from None

    def _boot(self, server: RabbitServer, facts: NodeFacts, deadline: float) -> None:
        self.files.write(facts, server)
        self._log_size = _size(self.files.log)
        self.files.output.unlink(missing_ok=True)
        environment = self.files.environment(facts)
        try:
            # Its own port mapper, so that its end can be ours to see to.
            epmd = shutil.which("epmd", path=environment["PATH"])
            cwd = self.files.way / "log"  # for what Erlang writes into its working folder
            if epmd is not None:
                self._epmd.start(_with_file_limit([epmd]), environment, cwd=cwd)
            command = _with_file_limit([str(server.script)])
            self._node.start(command, environment, self.files.output, cwd)
            self._wait_until_ready(facts, deadline)
        except BaseException:
            self._halt()
            raise

    def _wait_until_ready(self, facts: NodeFacts, deadline: float) -> None:
        def ready() -> bool:
            if not self.alive:
                raise _BootError(self._last_words(), killed=self._was_killed())
            return _answers(facts)

        if not wait_until(ready, deadline - time.monotonic()):
            raise StackError(f"RabbitMQ was not ready in time; its log is {self.files.log}:\n{self._last_words()}")

    def _last_words(self) -> str:
        """What the node's output and log say about why it ended, in a line or a few."""
        output = _lines(self.files.output)
        plain = [_PREFIX.sub("", line).strip("= ") for line in output]
        start = next((number for number, line in enumerate(plain) if line in _VERDICTS), None)
        if start is None:
            logged = [*output, *read_from(self.files.log, self._log_size).splitlines()]
            said = [line for line in logged if "[error]" in line] or logged
            return _end(said[-LAST_WORDS_LINES:]) or "it ended without a word"
        before = [line for raw, line in zip(output[:start], plain, strict=False) if "[error]" in raw and line]
        # An Erlang term over many lines, then a blank line, and the same once more.
        rest = dropwhile(lambda line: not line or line in _VERDICTS, plain[start:])
        cause = takewhile(bool, rest)
        verdict = " ".join(" ".join(cause).split())
        return _end([*before[-LAST_WORDS_LINES:], verdict])

    def _was_killed(self) -> bool:
        wait_until(lambda: self._node.exit_code is not None, timeout_s=1)
        return (self._node.exit_code or 0) < 0

    def wait_for_start(self, timeout_s: float = 60.0) -> None:
        """Wait until no other program is starting or stopping it."""
        with file_lock(self.home / "lock", timeout_s):
            pass

    # -- stopping ------------------------------------------------------------------------

    def stop(self, timeout_s: float = 15.0) -> None:
        """Stop it in order, or kill it after ``timeout_s`` seconds; nothing of it is left."""
        if self.home.is_dir():
            with file_lock(self.home / "lock", timeout_s + 10):
                self._halt(timeout_s)
                self.files.remove_link()

    def kill(self) -> None:
        """Kill it with all it has started, as a power cut would; its data stays."""
        self._node.kill()

    def _halt(self, timeout_s: float = 15.0) -> None:
        if not self._node.stop(timeout_s):
            log.warning("RabbitMQ did not stop within %g s and was killed", timeout_s)
        self._epmd.stop(timeout_s=0)  # it does not listen to SIGTERM while a node is registered
        strays = list(self._strays())
        for process in strays:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(strays, timeout=STRAYS_S)

    def _strays(self) -> Iterator[psutil.Process]:
        """What Erlang started for this node by itself, in sessions of their own.

        A port mapper, because ours was gone; and the process that starts others for it,
        which ends a moment after its node.
        """
        for process in psutil.process_iter(["name"]):
            if process.info["name"] in ("epmd", "erl_child_setup"):
                with suppress(psutil.Error):  # another user's, or it has just ended
                    if process.environ().get("HOME") == str(self.files.way):
                        yield process

    def _started_facts(self) -> NodeFacts:
        facts = self.files.read_facts()
        if facts is None:
            raise StackError(f"the RabbitMQ node in {self.home} was never started")
        return facts


def _answers(facts: NodeFacts) -> bool:
    """Whether the node takes its password; False while it does not answer.

    Raises
    ------
    _BootError
        If it answers, and refuses the password: its data is another node's.
    """
    try:
        return can_log_in(facts.amqp, USER, facts.password)
    except LoginRefused as error:
        raise _BootError(str(error)) from None


def _free_soon(ports: Iterable[int]) -> bool:
    """Whether ports can be had; those of a node that was killed close with the last of its threads."""
    return wait_until(lambda: all(map(port_is_free, ports)), PORTS_S)


def _with_file_limit(command: Sequence[str]) -> list[str]:
    """The command, with the limit on open files lowered where it is out of all proportion."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft <= MAX_OPEN_FILES:
        return list(command)
    return ["/bin/sh", "-c", 'ulimit -S -n "$0" && exec "$@"', str(MAX_OPEN_FILES), *command]


def _end(lines: Sequence[str]) -> str:
    """The last of the lines, as many as fit; of a single one its beginning, cut between two words."""
    kept: list[str] = []
    for line in reversed(lines):
        if kept and sum(map(len, kept)) + len(line) > LAST_WORDS_CHARS:
            break
        kept.insert(0, shorten(line, LAST_WORDS_CHARS, placeholder=" ...") if len(line) > LAST_WORDS_CHARS else line)
    return "\n".join(kept)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
