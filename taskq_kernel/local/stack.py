"""The local stack: a private RabbitMQ node, the service, a sink and a worker, for one user.

Everything it knows lies in the data folder:

===================  ====================================================================
``stack.json``       where the service is, and how many slots the worker has
``tokens/``          the stack's own tokens, readable by their owner only
``broker/``          the RabbitMQ node: configuration, password, data, log
``run/``             a pid file for each process; how often each was started again
``logs/``            what each process says
``tasks.db``         the task database; ``results.db`` the sink's; ``blobs/`` large values
===================  ====================================================================

Bringing the stack up is safe to repeat: it starts what is missing, under a lock, so two
programs that ask at once get one stack. From then on its keeper starts again what dies
(`taskq_kernel.local.keeper`), unless `Settings.restart` is off.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from taskq_kernel.domain import Role
from taskq_kernel.errors import StackError
from taskq_kernel.local.environment import keeper_environment
from taskq_kernel.local.folders import WORKER_FOLDERS, sweep_folders
from taskq_kernel.local.home import LOOPBACK, check_file, make_folders, make_tokens, token_file
from taskq_kernel.local.info import StackInfo, info_file, read_info, write_info
from taskq_kernel.local.parts import BROKER_START_S, ROLES, Parts, Step
from taskq_kernel.local.preflight import check_first
from taskq_kernel.local.processes import Daemon, free_port, port_is_free, write_private
from taskq_kernel.local.python import run_module
from taskq_kernel.local.ready import COMPILE_TIMEOUT_S, START_TIMEOUT_S, log_size, wait_until_ready
from taskq_kernel.local.recipes import register_shipped
from taskq_kernel.local.restarts import restarts_file
from taskq_kernel.local.status import status
from taskq_kernel.paths import to_text
from taskq_kernel.settings import Settings


class LocalStack:
    """The stack of one data folder.

    Parameters
    ----------
    settings : Settings
        ``home`` is the data folder; the other settings go on to the parts.

    Attributes
    ----------
    parts : Parts
        Its processes.
    keeper : Daemon
        The process that starts parts again that die.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.home = settings.home
        self.parts = Parts(self.home, settings.grace)
        self.keeper = Daemon("keeper", self.home / "run")

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
        check_file(self.home)
        check_first(self._settings, self.parts.down())
        try:
            return self._up(workers, on_step)
        except OSError as error:  # such as a disk that is full
            where = f": {error.filename}" if error.filename else ""
            raise StackError(f"the stack cannot be started: {error.strerror or error}{where}") from error

    def _up(self, workers: int | None, on_step: Step) -> StackInfo:
        make_folders(self._settings)
        log_sizes = {role: log_size(self.parts, role) for role in ROLES}
        with self.parts.lock(timeout_s=2 * START_TIMEOUT_S + COMPILE_TIMEOUT_S):
            before = read_info(self.home)
            slots = (
                workers or (before.slots if before else None) or self._settings.workers or os.cpu_count() or 1
            )
            make_tokens(self.home)
            info = self._info(before, slots)
            if before is not None and before.slots != slots:
                on_step(f"stopping the worker, to start it with {slots} slots")
                self.parts.stop("worker")
            down = self.parts.down()
            try:
                self._start(info, on_step)
                wait_until_ready(self.parts, info, log_sizes, on_step)
                register_shipped(info.transport(timeout_s=30), on_step)
                write_info(self.home, info)
                self._set_keeper(anew=bool(down))
            except BaseException:
                # What ran before stays; nobody would look after the rest.
                self.parts.stop_all(down if before is not None else ROLES, on_step)
                raise
            return info

    def down(self, on_step: Step = lambda _: None) -> None:
        """Stop everything, the worker first. What waits stays in the database."""
        if not self.home.is_dir():
            return
        self.keeper.stop()  # now, for it may have the lock
        with self.parts.lock(timeout_s=2 * START_TIMEOUT_S):
            self.keeper.stop()  # and one that was started meanwhile
            info_file(self.home).unlink(missing_ok=True)
            restarts_file(self.home).unlink(missing_ok=True)
            self.parts.stop_all(ROLES, on_step)
            sweep_folders(WORKER_FOLDERS)

    def stop(self, roles: Collection[str], on_step: Step = lambda _: None) -> None:
        """Stop some parts; they stay stopped until the next `up`."""
        with self.parts.lock(timeout_s=2 * START_TIMEOUT_S):
            self.parts.stop_all(roles, on_step)

    # -- looking -------------------------------------------------------------------------

    def info(self) -> StackInfo | None:
        """Where the stack is, None if it is down."""
        return read_info(self.home)

    def healthy(self) -> bool:
        """Whether the stack is up, every part of it runs, and it is looked after."""
        kept = self.keeper.alive or not self._settings.restart
        return kept and self.info() is not None and not self.parts.down()

    def status(self) -> dict[str, Any]:
        """The stack as ``taskq status --json`` prints it; nothing in it is secret."""
        return status(self.parts, self.keeper)

    # -- steps ---------------------------------------------------------------------------

    def _info(self, before: StackInfo | None, slots: int) -> StackInfo:
        """Where the stack is to be: on the port it had, if that can be."""
        running = self.parts.state("service") == "running"
        port = before.port if before else self._last_port()
        if port is None or not (running or port_is_free(port)):
            port = self._settings.port or free_port()
        write_private(self.home / "run" / "port", str(port))
        return StackInfo(
            graphql=f"http://{LOOPBACK}:{port}/graphql",
            token_file=to_text(token_file(self.home, Role.ADMIN)),
            port=port,
            slots=slots,
        )

    def _last_port(self) -> int | None:
        file = self.home / "run" / "port"
        return int(file.read_text("utf-8")) if file.exists() else None

    def _start(self, info: StackInfo, on_step: Step) -> None:
        """Start what does not run, the broker first."""
        if self.parts.broker.alive:
            self.parts.broker.wait_for_start(BROKER_START_S)  # the keeper may be at it
        else:
            on_step("starting RabbitMQ")
            self.parts.broker.start(BROKER_START_S)
        self.parts.follow_broker(on_step)
        for role in ROLES[1:]:
            if self.parts.state(role) != "running":
                on_step(f"starting the {role}")
                self.parts.start(role, info)

    def _set_keeper(self, *, anew: bool) -> None:
        """Have the stack kept up, or not, as the settings say.

        A keeper starts parts in its own surroundings. Those of whoever has just started one are
        the right ones, so it is started ``anew`` then.
        """
        if anew or not self._settings.restart:
            self.keeper.stop()
        if self._settings.restart and not self.keeper.alive:
            command = run_module("taskq_kernel.local.keeper")
            self.keeper.start(command, keeper_environment(self.home), self.home / "logs" / "keeper.log")
