"""``taskq worker``: from settings to a running `Supervisor`."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import uuid
from contextlib import suppress
from pathlib import Path

from taskq_kernel import logs
from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.names import Names
from taskq_kernel.errors import SettingsError
from taskq_kernel.local.folders import WORKER_FOLDERS, sweep_folders, temporary_folder
from taskq_kernel.settings import Settings, read_broker_url, read_token, user_home
from taskq_kernel.signals import stop_signals
from taskq_kernel.transport.graphql import GraphQLTransport
from taskq_worker.claims.offer import slots_of
from taskq_worker.julia.choice import choose_what_starts, for_projects
from taskq_worker.julia.command import PackageRunner, RunnerCommand, for_packages
from taskq_worker.julia.compiled import RUNNERS
from taskq_worker.projects.store import PROJECTS, ProjectStore
from taskq_worker.sandbox.sandboxes import Sandboxes, make_sandboxes
from taskq_worker.service_api import ServiceApi
from taskq_worker.slots import descendants
from taskq_worker.supervisor import Supervisor

log = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Work until SIGTERM or SIGINT, then drain; the exit code.

    Raises
    ------
    SettingsError
        If the service's URL, the broker's URL or the token is not set.
    SetupError
        If Julia cannot be found or started.
    """
    logs.configure(settings.log_level)
    if settings.url is None:
        raise SettingsError("set TASKQ_URL: a worker needs to know the service")
    transport = GraphQLTransport(settings.url, read_token(settings), ca_file=settings.ca_file)
    names = Names(settings.broker_prefix)
    descendants.hide_from_tasks()
    for number in stop_signals():  # until the supervisor listens: clean up, and go
        signal.signal(number, lambda *_: sys.exit(0))
    sweep_folders(WORKER_FOLDERS)
    with temporary_folder(WORKER_FOLDERS) as folder:
        runner, julias, sandboxes, projects = _prepare(settings, folder)
        try:
            log.log(logging.WARNING if sandboxes.reason else logging.INFO, "%s", sandboxes.note)
            asyncio.run(_work(settings, names, transport, runner, sandboxes, folder, projects, julias))
        finally:
            sandboxes.close()
    return 0


def _prepare(
    settings: Settings, folder: Path
) -> tuple[RunnerCommand, list[PackageRunner], Sandboxes, ProjectStore]:
    """What the slots run, and with projects; as whom, and where projects lie."""
    cache = user_home() / RUNNERS
    plain, compiled = choose_what_starts(settings, cache)
    julias = for_projects(settings, compiled, cache)
    more = [path for julia in julias[1:] for path in julia.needs()]
    kept = _projects(settings, settings.home / PROJECTS)
    # Task users may reach the package's own sources where they cannot reach a compiled copy, and this
    # worker's folder where they cannot reach the data folder; and that they are apart is worth more than
    # a quick start.
    for runner, projects in ((compiled, kept), (plain, kept), (plain, _projects(settings, folder / PROJECTS))):
        with suppress(SettingsError):
            sandboxes = make_sandboxes(settings, runner, folder, slots_of(settings), [projects.folder, *more])
            if not sandboxes.reason:
                return runner, [for_packages(runner), *julias[1:]], sandboxes, projects
            sandboxes.close()
    sandboxes = make_sandboxes(settings, compiled, folder, slots_of(settings), [kept.folder, *more])
    return compiled, julias, sandboxes, kept


def _projects(settings: Settings, folder: Path) -> ProjectStore:
    projects = ProjectStore(folder, settings.project_cache_size)
    projects.make()
    return projects


async def _work(
    settings: Settings,
    names: Names,
    transport: GraphQLTransport,
    runner: RunnerCommand,
    sandboxes: Sandboxes,
    folder: Path,
    projects: ProjectStore,
    julias: list[PackageRunner],
) -> None:
    broker = Broker(
        read_broker_url(settings), names, settings.queue_type, f"worker {settings.worker_name}", settings.ca_file
    )
    api = ServiceApi(transport, str(uuid.uuid4()))
    supervisor = Supervisor(settings, broker, api, runner, sandboxes, folder, projects, julias)
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, supervisor.stop)
    await supervisor.run()
