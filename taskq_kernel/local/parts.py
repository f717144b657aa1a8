"""The four parts of a local stack as processes: which run, start one, stop one.

Whoever starts or stops one holds the stack's lock (`Parts.lock`); RabbitMQ's node has a
lock of its own besides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from taskq_kernel.local.environment import part_environment
from taskq_kernel.local.info import StackInfo
from taskq_kernel.local.processes import Daemon, DaemonState, file_lock, write_private
from taskq_kernel.local.python import run_module
from taskq_kernel.local.rabbitmq import RabbitNode

#: Started in this order, stopped in the reverse one.
ROLES = ("broker", "service", "sink", "worker")
#: How long RabbitMQ may take to start, in seconds.
BROKER_START_S = 60.0
#: A stopping worker lets its tasks finish for `Settings.grace`; this comes on top.
STOP_MARGIN_S = 10.0

Step = Callable[[str], None]


class Parts:
    """The processes of the stack of one data folder.

    Parameters
    ----------
    home : Path
        The data folder.
    grace_s : float
        How long a stopping worker lets its tasks finish.
    """

    def __init__(self, home: Path, grace_s: float) -> None:
        self.home = home
        self._grace_s = grace_s
        self.broker = RabbitNode(home / "broker")
        self.daemons: Mapping[str, Daemon] = {role: Daemon(role, home / "run") for role in ROLES[1:]}

    def lock(self, timeout_s: float) -> AbstractContextManager[None]:
        """Hold this while parts are started or stopped."""
        return file_lock(self.home / "stack.lock", timeout_s)

    # -- looking -------------------------------------------------------------------------

    def state(self, role: str) -> DaemonState:
        """``running``; ``stopped`` on purpose, or never started; ``dead`` by itself."""
        return self.broker.state if role == "broker" else self.daemons[role].state

    def down(self) -> set[str]:
        """The parts that do not run."""
        return {role for role in ROLES if self.state(role) != "running"}

    def listed(self) -> list[dict[str, Any]]:
        """Role, pid and state of each, as ``taskq status --json`` prints them."""
        pids = {"broker": self.broker.pid} | {role: one.pid for role, one in self.daemons.items()}
        return [{"role": role, "pid": pids[role], "state": self.state(role)} for role in ROLES]

    def exit_reason(self, role: str) -> str:
        """How a part that is dead ended, as far as it is known."""
        return self.broker.exit_reason if role == "broker" else self.daemons[role].exit_reason

    def log(self, role: str) -> Path:
        """The file that has what a part says."""
        return self.broker.files.log if role == "broker" else self.home / "logs" / f"{role}.log"

    # -- starting ------------------------------------------------------------------------

    def start(self, role: str, info: StackInfo) -> None:
        """Start the service, the sink or the worker."""
        self.daemons[role].start(
            run_module("taskq_kernel.cli", role), part_environment(self.home, role, info), self.log(role)
        )

    def follow_broker(self, on_step: Step) -> list[str]:
        """Keep the broker's URL; what runs with another one is stopped, to be started again by the caller."""
        file, url = self.home / "tokens" / "broker.url", self.broker.url
        stopped: list[str] = []
        if file.exists() and file.read_text("utf-8") != url:
            for role in reversed(ROLES[1:]):
                if self.daemons[role].alive:
                    on_step(f"stopping the {role}, for RabbitMQ is at another port now")
                    self.stop(role)
                    stopped.insert(0, role)
        write_private(file, url)
        return stopped

    # -- stopping ------------------------------------------------------------------------

    def stop(self, role: str) -> None:
        """Stop one in order, with all it has started; it stays stopped."""
        if role == "broker":
            self.broker.stop()
        else:
            self.daemons[role].stop(self._grace_s + STOP_MARGIN_S if role == "worker" else STOP_MARGIN_S)

    def stop_all(self, roles: Collection[str], on_step: Step) -> None:
        """Stop some or all of them, the worker first."""
        for role in reversed(ROLES):
            if role in roles:
                if self.state(role) == "running":
                    on_step(f"stopping {'RabbitMQ' if role == 'broker' else f'the {role}'}")
                self.stop(role)
