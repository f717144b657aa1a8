"""The stack of a run: which process is which, how one is killed, how all are started again."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil

from chaos.arena import Arena, run_quietly
from chaos.network import Link
from chaos.service import Service
from taskq_kernel.local.info import StackInfo
from taskq_kernel.local.processes import Daemon
from taskq_kernel.local.rabbit_files import NodeFiles, find_server
from taskq_kernel.local.stack import LocalStack
from taskq_kernel.settings import load_settings

T = TypeVar("T")

#: The three parts that are there once, and the broker.
CORE = ("service", "sink", "broker")
#: On a machine that has more to do than this, everything may take this many times as long.
SLACK = float(os.environ.get("CHAOS_SLACK", "1"))
#: Slots of the stack's own worker, and of each other one.
SLOTS, OTHER_SLOTS = 2, 1


class Worker:
    """One worker: the stack's own, or one more.

    Parameters
    ----------
    name : str
        Of its pid file.
    folder : Path
        Where the pid files are.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.daemon = Daemon(name, folder)

    @property
    def pid(self) -> int | None:
        """The supervisor's pid while it runs."""
        return self.daemon.pid

    def signal(self, number: signal.Signals) -> None:
        """Send the supervisor a signal; what it has started is not asked."""
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def julias(self) -> list[int]:
        """The pids of its Julia processes."""
        if self.pid is None:
            return []
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.pid).children(recursive=True)
            return [one.pid for one in children if _is_julia(one)]
        return []


def _is_julia(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "julia" in process.name() or any("julia" in part for part in process.cmdline()[:4])
    return False


class Fleet:
    """A local stack with more workers than its own, one of them behind a link if permitted.

    Parameters
    ----------
    arena : Arena
        Where it lives.
    workers : int
        Workers in all.
    """

    def __init__(self, arena: Arena, workers: int = 3, *, remote: bool = True) -> None:
        self.arena = arena
        self.local = LocalStack(load_settings(home=arena.home))
        run = arena.home / "run"
        self.workers = [Worker("worker", run)] + [Worker(f"worker-{n}", run) for n in range(1, workers)]
        self.remote: Worker | None = self.workers[-1] if remote and workers > 1 else None
        self.link: Link | None = None
        self.info: StackInfo | None = None
        self._service: Service | None = None
        self.extra_settings: dict[str, str] = {}

    # -- up and down ---------------------------------------------------------------------

    def up(self) -> None:
        """Start the stack, the link, and the other workers."""
        self.info = self.local.up(workers=SLOTS)
        self._service = Service(self.info.graphql, self.info.token_file)
        if self.remote is not None:
            self.link = Link([self.info.port, self._broker_port()])
            if self.link.why_not:
                self.remote = None
        self.repair()
        self.wait_for_workers()

    def repair(self) -> None:
        """Start again whatever does not run."""
        if not self.core_runs() or self.workers[0].pid is None:
            self.info = self.local.up(workers=SLOTS)
        for worker in self.workers[1:]:
            if worker.pid is None:
                self.start_worker(worker)

    def core_runs(self) -> bool:
        """Whether broker, service and sink run."""
        return self.local_broker().alive and all(self.daemon(role).alive for role in ("service", "sink"))

    def start_worker(self, worker: Worker, **settings: str) -> None:
        """Start one of the other workers, as `taskq worker` with the settings of the stack's own."""
        command = [sys.executable, "-m", "taskq_kernel.cli", "worker"]
        if worker is self.remote and self.link is not None:
            command = self.link.command(command)
        log = self.arena.home / "logs" / f"{worker.name}.log"
        worker.daemon.start(command, self.worker_environment() | self.extra_settings | settings, log)

    def worker_environment(self) -> dict[str, str]:
        """The environment of a worker of this stack."""
        assert self.info is not None
        tokens = self.arena.home / "tokens"
        return dict(os.environ) | {
            "TASKQ_HOME": str(self.arena.home),
            "TASKQ_BROKER_FILE": str(tokens / "broker.url"),
            "TASKQ_QUEUE_TYPE": "classic",
            "TASKQ_URL": self.info.graphql,
            "TASKQ_TOKEN_FILE": str(tokens / "worker.token"),
            "TASKQ_SLOTS": str(OTHER_SLOTS),
        }

    def wait_for_workers(self, timeout_s: float = 60.0) -> None:
        """Wait until every worker that runs has joined with Julia started."""
        pids = {worker.pid for worker in self.workers}

        def joined() -> bool:
            there = [one for one in self.service.workers() if one["state"] == "ONLINE" and one["juliaVersion"]]
            return pids <= {one["pid"] for one in there}

        wait_for(joined, "every worker has joined", timeout_s)

    def down(self) -> None:
        """Stop everything in order."""
        for worker in self.workers[1:]:
            worker.signal(signal.SIGCONT)
            worker.daemon.stop(30)
        self.local.down()
        if self.link is not None:
            self.link.close()

    # -- parts ---------------------------------------------------------------------------

    @property
    def service(self) -> Service:
        """The service, as the harness asks it."""
        assert self._service is not None
        return self._service

    def daemon(self, role: str) -> Daemon:
        """The daemon of one of the stack's own roles."""
        return Daemon(role, self.arena.home / "run")

    def local_broker(self) -> Daemon:
        """The RabbitMQ node's process."""
        return Daemon("rabbitmq", self.arena.home / "broker" / "run")

    def core(self, role: str) -> Daemon:
        """The service, the sink or the broker."""
        return self.local_broker() if role == "broker" else self.daemon(role)

    def worker_names(self, worker: Worker) -> list[str]:
        """The names under which a worker's process has joined."""
        pid = worker.pid
        return [one["name"] for one in self.service.workers() if one["pid"] == pid]

    def claimed_by(self, worker: Worker) -> dict[str, int]:
        """The tasks that a worker holds now, as the service sees it: id and attempt."""
        held: dict[str, int] = {}
        for name in self.worker_names(worker):
            rows = self.service.select({"worker": name, "status": ["RUNNING"]}, "id attempt worker")
            held |= {row["id"]: row["attempt"] for row in rows if row["worker"] == name}
        return held

    def kill_worker_of(self, task_id: str) -> None:
        """Kill the worker that runs a task, if it runs: what a task cannot do itself that runs as another user."""
        for task in self.service.tasks([task_id], "status worker"):
            for worker in self.workers:
                if task["status"] == "RUNNING" and task["worker"] in self.worker_names(worker):
                    worker.signal(signal.SIGKILL)

    def pids(self) -> Iterator[tuple[str, int]]:
        """Every supervisor, the service, the sink and the broker, with its role."""
        for role in CORE:
            pid = self.core(role).pid
            if pid is not None:
                yield role, pid
        for worker in self.workers:
            if worker.pid is not None:
                yield "worker", worker.pid

    # -- the broker from inside ------------------------------------------------------------

    def rabbitmqctl(self, *arguments: str) -> None:
        """Run RabbitMQ's own tool against the node."""
        files = NodeFiles(self.arena.home / "broker")
        facts = files.read_facts()
        assert facts is not None
        tool = find_server().script.with_name("rabbitmqctl")
        environment = [f"{name}={value}" for name, value in files.environment(facts).items()]
        failed = run_quietly("env", "-i", *environment, str(tool), "--quiet", *arguments, timeout_s=60)
        if failed:
            raise RuntimeError(f"rabbitmqctl {arguments[0]}: {failed[-500:]}")

    def wipe_broker(self) -> None:
        """Kill the node and remove its data."""
        self.local_broker().kill()
        shutil.rmtree(self.arena.home / "broker" / "data", ignore_errors=True)

    def _broker_port(self) -> int:
        facts = NodeFiles(self.arena.home / "broker").read_facts()
        assert facts is not None
        return facts.amqp


def wait_for(condition: Callable[[], T], what: str, timeout_s: float = 15.0, pause_s: float = 0.05) -> T:
    """The condition's first true value, or `TimeoutError` with what did not happen."""
    deadline = time.monotonic() + timeout_s * SLACK
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:g} s: {what}")
        time.sleep(pause_s)
