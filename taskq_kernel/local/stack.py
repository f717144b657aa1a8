"""The local stack: a private RabbitMQ node, the service, a sink and a worker, for one user.

Everything it knows lies in the data folder:

===================  ====================================================================
``stack.json``       where the service is, and how many slots the worker has
``tokens/``          the stack's own tokens, readable by their owner only
``broker/``          the RabbitMQ node: configuration, password, data, log
``run/``             a pid file for each process
``logs/``            what each process says
``tasks.db``         the task database; ``results.db`` the sink's; ``blobs/`` large values
===================  ====================================================================

Bringing the stack up is safe to repeat: it starts what is missing, under a lock, so two
programs that ask at once get one stack.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import secrets
import time
import tomllib
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from getpass import getuser
from pathlib import Path
from typing import Any

from taskq_kernel.client.transport import GraphQLTransport
from taskq_kernel.domain import Role
from taskq_kernel.errors import ServiceError, ServiceUnreachable, SettingsError, StackError
from taskq_kernel.local.figures import disk_free_bytes, figures
from taskq_kernel.local.folders import WORKER_FOLDERS, sweep_folders
from taskq_kernel.local.patience import Patience, spent_s
from taskq_kernel.local.preflight import check_first
from taskq_kernel.local.processes import Daemon, file_lock, free_port, port_is_free, read_from, write_private
from taskq_kernel.local.python import run_module, safe_environment
from taskq_kernel.local.rabbitmq import RabbitNode
from taskq_kernel.paths import from_text, shown, to_text
from taskq_kernel.settings import Settings, config_file

#: Where the service of a local stack listens.
LOOPBACK = "127.0.0.1"
#: Started in this order, stopped in the reverse one.
ROLES = ("broker", "service", "sink", "worker")
#: How long each step may take, in seconds; the worker's Julia may compile longer, while it is at work.
START_TIMEOUT_S = 60.0
#: How long Julia may compile.
COMPILE_TIMEOUT_S = 900.0
#: How often it is asked whether the stack is ready; whether the worker is at work, every tenth time.
POLL_S = 0.05
_LOOK_EVERY = 10
#: How often it is said that Julia still compiles.
_SAY_EVERY_S = 20.0
#: A stopping worker lets its tasks finish for `Settings.grace`; this comes on top.
STOP_MARGIN_S = 10.0

_READY = "{ statistics { brokerConnected brokerBlocked } workers { name juliaVersion state } }"
_TROUBLE = "{ statistics { brokerBlocked unservedQueues } }"
#: How long `LocalStack.status` waits for the service, in seconds.
ASK_TIMEOUT_S = 3.0

Step = Callable[[str], None]


@dataclass(frozen=True)
class StackInfo:
    """Where a running stack is.

    Attributes
    ----------
    graphql : str
        URL of the GraphQL endpoint.
    token_file : str
        File with the token of the stack's owner.
    port : int
        The service's port.
    slots : int
        Slots of the worker.
    """

    graphql: str
    token_file: str
    port: int
    slots: int


def read_info(home: Path) -> StackInfo | None:
    """Where the stack of a data folder is, as of its last start; None if it is down."""
    try:
        return StackInfo(**json.loads((home / "stack.json").read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (TypeError, ValueError, OSError) as error:
        raise StackError(f"{home / 'stack.json'} cannot be read: {error}; `taskq down` removes it") from error


class LocalStack:
    """The stack of one data folder.

    Parameters
    ----------
    settings : Settings
        ``home`` is the data folder; the other settings go on to the parts.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.home = settings.home
        self._broker = RabbitNode(self.home / "broker")
        self._daemons = {role: Daemon(role, self.home / "run") for role in ROLES[1:]}
        #: How long each part's log was when `up` began.
        self._log_sizes: dict[str, int] = {}

    # -- up and down ---------------------------------------------------------------------

    def up(self, workers: int | None = None, on_step: Step = lambda _: None) -> StackInfo:
        """Start what is not running; return when the stack takes tasks.

        Parameters
        ----------
        workers : int, optional
            Slots of the worker. Default: those it has, else `Settings.workers`, else one a core.
        on_step : callable, optional
            Called with a line of text as each step begins.

        Raises
        ------
        StackError, SetupError
            With what could not be started, the end of its log, and what to do.
        SettingsError
            If ``taskq.toml`` gives the service a certificate, or another address than loopback.
        """
        self._check_file()
        check_first(self._settings, self._down_roles())
        try:
            return self._up(workers, on_step)
        except OSError as error:  # such as a disk that is full
            where = f": {error.filename}" if error.filename else ""
            raise StackError(f"the stack cannot be started: {error.strerror or error}{where}") from error

    def _up(self, workers: int | None, on_step: Step) -> StackInfo:
        self._make_folders()
        self._log_sizes = {role: _size(self._log(role)) for role in ROLES}
        with file_lock(self.home / "stack.lock", timeout_s=2 * START_TIMEOUT_S + COMPILE_TIMEOUT_S):
            before = read_info(self.home)
            slots = (
                workers or (before.slots if before else None) or self._settings.workers or os.cpu_count() or 1
            )
            self._make_tokens()
            info = self._info(before, slots)
            if before is not None and before.slots != slots:
                on_step(f"stopping the worker, to start it with {slots} slots")
                self._stop("worker")
            running = {role for role in ROLES if role not in self._down_roles()}
            try:
                self._start_all(info, on_step)
                write_private(self.home / "stack.json", json.dumps(asdict(info)))
            except BaseException:
                # What ran before stays; nobody would look after the rest.
                self._stop_all(on_step, keep=running if before is not None else set())
                raise
            return info

    def down(self, on_step: Step = lambda _: None) -> None:
        """Stop everything, the worker first. What waits stays in the database."""
        if not self.home.is_dir():
            return
        with file_lock(self.home / "stack.lock", timeout_s=2 * START_TIMEOUT_S):
            (self.home / "stack.json").unlink(missing_ok=True)
            self._stop_all(on_step)
            sweep_folders(WORKER_FOLDERS)

    # -- looking -------------------------------------------------------------------------

    def info(self) -> StackInfo | None:
        """Where the stack is, None if it is down."""
        return read_info(self.home)

    def healthy(self) -> bool:
        """Whether the stack is up and every process of it is alive."""
        return self.info() is not None and all(one["state"] == "running" for one in self._processes())

    def status(self) -> dict[str, Any]:
        """The stack as ``taskq status --json`` prints it; nothing in it is secret."""
        info = self.info()
        trouble = self._trouble(info) if info else {}
        return {
            "running": self.healthy(),
            "home": shown(self.home),
            "graphql": info.graphql if info else None,
            "token_file": shown(from_text(info.token_file)) if info else None,
            "broker": self._broker.redacted_url if self._broker.alive else None,
            "slots": info.slots if info else None,
            "broker_blocked": trouble.get("brokerBlocked"),
            "unserved_queues": trouble.get("unservedQueues", []),
            "logs": shown(self.home / "logs"),
            "processes": self._processes(),
            "disk_free_bytes": disk_free_bytes(self.home),
        } | self._figures(info, trouble.get("unservedQueues", []))

    def _figures(self, info: StackInfo | None, unserved_queues: list[str]) -> dict[str, Any]:
        if info is None or self._daemons["service"].state != "running":
            return {}
        try:
            return figures(_transport(info, ASK_TIMEOUT_S), unserved_queues)
        except OSError:  # the file with the token
            return {}

    def _trouble(self, info: StackInfo) -> dict[str, Any]:
        """What the service knows to be wrong, though everything runs; nothing while it does not answer."""
        try:
            found: dict[str, Any] = _transport(info, ASK_TIMEOUT_S).execute(_TROUBLE)["statistics"]
        except (ServiceUnreachable, ServiceError, OSError):
            return {}
        return found

    def _processes(self) -> list[dict[str, Any]]:
        broker = {
            "role": "broker",
            "pid": self._broker.pid,
            "state": "running" if self._broker.alive else "stopped",
        }
        others = [{"role": role, "pid": one.pid, "state": one.state} for role, one in self._daemons.items()]
        return [broker, *others]

    # -- steps ---------------------------------------------------------------------------

    def _check_file(self) -> None:
        """Refuse what ``taskq.toml`` would have the service listen with; variables are not passed on to it."""
        file = config_file(self.home)
        settings = tomllib.loads(file.read_text("utf-8")) if file else {}
        given = settings.keys() & {"host", "tls_cert", "tls_key"}
        if settings.get("host") == LOOPBACK:
            given.remove("host")
        if given:
            raise SettingsError(
                f"{file} sets {' and '.join(sorted(given))}, and a local stack speaks http, on loopback alone: take "
                "it out of the file; `taskq service` takes --host, --tls-cert and --tls-key"
            )

    def _make_folders(self) -> None:
        try:
            for name in ("", "tokens", "run", "logs", "blobs"):
                (self.home / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            # Someone else may have made the data folder, and others may enter it then. SQLite
            # gives the files that it puts beside a database the database's own mode.
            elsewhere = {"tasks.db": self._settings.database, "results.db": self._settings.results_database}
            for database in (name for name, url in elsewhere.items() if url is None):
                (self.home / database).touch(mode=0o600)
                for file in self.home.glob(f"{database}*"):
                    file.chmod(0o600)
        except OSError as error:
            raise StackError(
                f"the data folder {self.home} cannot be made: {error.strerror}; set TASKQ_HOME to another one"
            ) from error

    def _make_tokens(self) -> None:
        """Make the stack's own tokens, once."""
        folder = self.home / "tokens"
        accepted = []
        for role, name in ((Role.ADMIN, getuser()), (Role.WORKER, "local worker"), (Role.SINK, "local sink")):
            file = folder / f"{role}.token"
            if not file.exists():
                write_private(file, secrets.token_urlsafe(32))
            digest = hashlib.sha256(file.read_text("utf-8").strip().encode()).hexdigest()
            accepted.append({"name": name, "role": role.value, "sha256": digest})
        write_private(folder / "accepted.json", json.dumps(accepted))

    def _write_broker_url(self, on_step: Step) -> None:
        """Keep the broker's URL; what runs with another one is stopped, to be started again."""
        file, url = self.home / "tokens" / "broker.url", self._broker.url
        if file.exists() and file.read_text("utf-8") != url:
            for role in reversed(ROLES[1:]):
                if self._daemons[role].state == "running":
                    on_step(f"stopping the {role}, for RabbitMQ is at another port now")
                    self._stop(role)
        write_private(file, url)

    def _info(self, before: StackInfo | None, slots: int) -> StackInfo:
        """Where the stack is to be: on the port it had, if that can be."""
        running = self._daemons["service"].state == "running"
        port = before.port if before else self._last_port()
        if port is None or not (running or port_is_free(port)):
            port = self._settings.port or free_port()
        write_private(self.home / "run" / "port", str(port))
        return StackInfo(
            graphql=f"http://{LOOPBACK}:{port}/graphql",
            token_file=to_text(self.home / "tokens" / f"{Role.ADMIN}.token"),
            port=port,
            slots=slots,
        )

    def _last_port(self) -> int | None:
        file = self.home / "run" / "port"
        return int(file.read_text("utf-8")) if file.exists() else None

    def _start_all(self, info: StackInfo, on_step: Step) -> None:
        """Start what does not run, the broker first, and wait until tasks are taken."""
        if not self._broker.alive:
            on_step("starting RabbitMQ")
            self._broker.start(START_TIMEOUT_S)
            self._write_broker_url(on_step)
        for role in ROLES[1:]:
            if self._daemons[role].state != "running":
                on_step(f"starting the {role}")
                self._start(role, info)
        self._wait_until_ready(info, on_step)

    def _down_roles(self) -> set[str]:
        """The parts that do not run."""
        return {one["role"] for one in self._processes() if one["state"] != "running"}

    def _stop_all(self, on_step: Step, keep: Collection[str] = ()) -> None:
        """Stop what runs, the worker first."""
        for role in reversed(ROLES[1:]):
            if role in keep:
                continue
            if self._daemons[role].state == "running":
                on_step(f"stopping the {role}")
            self._stop(role)
        if "broker" in keep:
            return
        if self._broker.alive:
            on_step("stopping RabbitMQ")
        self._broker.stop()

    def _start(self, role: str, info: StackInfo) -> None:
        self._daemons[role].start(
            run_module("taskq_kernel.cli", role),
            self._environment(role, info),
            self._log(role),
        )

    def _log(self, role: str) -> Path:
        return self.home / "logs" / f"{role}.log"

    def _environment(self, role: str, info: StackInfo) -> dict[str, str]:
        """The whole environment of a part."""
        tokens = self.home / "tokens"
        # Secrets are passed as files: neither the process list nor the environment has them.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TASKQ_") or name in _KEPT}
        environment = safe_environment(kept) | {
            "TASKQ_HOME": str(self.home),
            "TASKQ_BROKER_FILE": str(tokens / "broker.url"),
            "TASKQ_QUEUE_TYPE": "classic",
        }
        if role == "service":
            environment |= {"TASKQ_PORT": str(info.port), "TASKQ_TOKENS_FILE": str(tokens / "accepted.json")}
            environment |= _kept("DATABASE", "PRIVATE_TASKS", "GRAPHIQL", "INTROSPECTION", "AUTH_FAILURES")
        else:
            environment |= {"TASKQ_URL": info.graphql, "TASKQ_TOKEN_FILE": str(tokens / f"{role}.token")}
        if role == "sink":
            environment |= _kept("RESULTS_DATABASE")
        if role == "worker":
            environment |= {"TASKQ_SLOTS": str(info.slots)}
        return environment

    def _stop(self, role: str) -> None:
        patience = self._settings.grace + STOP_MARGIN_S if role == "worker" else STOP_MARGIN_S
        self._daemons[role].stop(patience)

    def _wait_until_ready(self, info: StackInfo, on_step: Step) -> None:
        """Wait until the service answers, has the broker, and a worker has started Julia."""
        transport = _transport(info, timeout_s=5)
        patience = Patience(START_TIMEOUT_S, COMPILE_TIMEOUT_S)
        say_at_s = _SAY_EVERY_S / 2
        for turn in itertools.count():
            if _ready(transport):
                return
            for role, daemon in self._daemons.items():
                if daemon.state != "running":
                    raise StackError(f"the {role} stopped as it started:\n{self._log_end(role)}")
            at_work = turn % _LOOK_EVERY == 0 and patience.look(spent_s(self._daemons["worker"].pid))
            if at_work and patience.waited_s > say_at_s:
                on_step(f"Julia compiles what tasks need at the first start ({patience.waited_s:.0f} s so far)")
                say_at_s = patience.waited_s + _SAY_EVERY_S
            if patience.is_out:
                raise StackError(
                    f"the stack took no tasks within {patience.waited_s:.0f} s; see {self.home / 'logs'}"
                )
            time.sleep(POLL_S)

    def _log_end(self, role: str, lines: int = 15) -> str:
        """The end of what a part has said since this `up` began: earlier runs have nothing to do with it."""
        said = read_from(self._log(role), self._log_sizes.get(role, 0))
        return "\n".join(said.splitlines()[-lines:]) or f"it said nothing; see {self._log(role)}"


#: Settings that a user sets for the whole stack; every other is the stack's own to choose.
_KEPT = frozenset(
    f"TASKQ_{name}"
    for name in (
        "JULIA", "RUNNER", "MEMORY_LIMIT", "TASK_USER", "TASK_PROCESSES", "TASK_OPEN_FILES", "TASK_FILE_SIZE",
        "GRACE", "HEARTBEAT", "LEASE", "MAX_LOST", "MAX_LOG_BYTES", "MAX_VALUE_BYTES", "LOG_LEVEL", "RABBITMQ",
        "QUEUES",
    )
)  # fmt: skip


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _kept(*names: str) -> dict[str, str]:
    """Settings of one part alone: a database's URL may have a password in it."""
    return {key: os.environ[key] for key in (f"TASKQ_{name}" for name in names) if key in os.environ}


def _transport(info: StackInfo, timeout_s: float) -> GraphQLTransport:
    """The way to the stack's service, as its owner."""
    return GraphQLTransport(info.graphql, from_text(info.token_file).read_text("utf-8").strip(), timeout_s=timeout_s)


def _ready(transport: GraphQLTransport) -> bool:
    try:
        answer = transport.execute(_READY, {})
    except (ServiceUnreachable, ServiceError):
        return False
    if answer["statistics"]["brokerBlocked"]:
        raise StackError(f"the stack takes no tasks: {answer['statistics']['brokerBlocked']}")
    workers = [one for one in answer["workers"] if one["state"] == "ONLINE" and one["juliaVersion"]]
    return bool(answer["statistics"]["brokerConnected"] and workers)
