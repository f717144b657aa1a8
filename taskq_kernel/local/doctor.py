"""Is everything there that a local stack needs? ``taskq doctor`` prints what this finds.

Each check is a function of the settings that returns one `Check`. To add one, write the
function and append it to `CHECKS`, or pass it to `examine`.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from taskq_kernel.errors import TaskqError
from taskq_kernel.local.broker import check_broker
from taskq_kernel.local.checks import Check
from taskq_kernel.local.dead_letters import check_dead_letters
from taskq_kernel.local.fleet import check_queues
from taskq_kernel.local.julia import find_julia
from taskq_kernel.local.julia_project import describe_juliacall
from taskq_kernel.local.processes import Daemon, free_port
from taskq_kernel.local.rabbit_files import find_server
from taskq_kernel.local.restarts import read_restarts
from taskq_kernel.settings import Settings

#: What a stack may need on disk: RabbitMQ stops taking messages below 50 MB.
DISK_NEEDED_BYTES = 500 << 20
#: A worker's tasks write there too.
TEMPORARY_NEEDED_BYTES = 100 << 20


Checker = Callable[[Settings], Check]


def examine(settings: Settings, more: Iterable[Checker] = ()) -> Iterator[Check]:
    """Run all checks, and ``more`` of them, one after the other.

    A check that fails in a way that nobody thought of is a failed check, not an error.
    """
    for checker in (*CHECKS, *more):
        name = checker.__name__.removeprefix("check_").replace("_", " ")
        try:
            yield checker(settings)
        except TaskqError as error:
            yield Check(name, False, str(error), "see the message")
        except Exception as error:
            yield Check(name, False, f"{type(error).__name__}: {error}", "please report this")


def check_python(_: Settings) -> Check:
    """Python 3.11 or newer, in an environment of its own."""
    ok = sys.version_info >= (3, 11)
    mend = "" if ok else "install Python 3.11 or newer, and taskq into an environment made by it"
    return Check("Python", ok, f"{platform.python_version()} at {sys.executable}", mend)


def check_rabbitmq(_: Settings) -> Check:
    """A RabbitMQ that this user can start, and Erlang to run it."""
    try:
        server = find_server()
    except TaskqError as error:
        return Check("RabbitMQ", False, str(error), "apt-get install rabbitmq-server")
    found = f"{server.version or 'unknown version'} at {server.script}"
    if shutil.which("erl", path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/lib/erlang/bin") is None:
        return Check("RabbitMQ", False, f"{found}, without Erlang", "apt-get install erlang-base")
    return Check("RabbitMQ", True, found)


def check_julia(settings: Settings) -> Check:
    """A Julia that starts: an executable, or where workers would take it, juliacall's."""
    try:
        julia = find_julia(settings)
    except TaskqError as error:
        ready, about = describe_juliacall(settings.home)
        if ready and settings.julia is None and settings.runner != "julia":
            return Check("Julia", True, f"no executable, and none is needed: {about}")
        return Check("Julia", False, str(error), "run scripts/setup, or install Julia and set TASKQ_JULIA")
    return Check("Julia", True, f"{julia.version} at {julia.path} (from {julia.source})")


def check_juliacall(settings: Settings) -> Check:
    """juliacall, where workers are to use it; elsewhere what there is of it."""
    ready, about = describe_juliacall(settings.home)
    if ready or settings.runner != "juliacall":
        return Check("juliacall", True, about if ready else f"not in use: {about}")
    return Check("juliacall", False, about, "taskq julia install, or TASKQ_RUNNER=julia")


def check_ports(_: Settings) -> Check:
    """The loopback address works, and has free ports."""
    try:
        port = free_port()
        with socket.create_server(("127.0.0.1", port)) as server:
            socket.create_connection(server.getsockname(), timeout=2).close()
    except (TaskqError, OSError) as error:
        return Check("ports", False, f"127.0.0.1: {error}", "bring up the loopback interface: ip link set lo up")
    return Check("ports", True, f"127.0.0.1 takes connections; {port} is free, for example")


def check_data_folder(settings: Settings) -> Check:
    """The data folder can be written, and only by its owner."""
    home = settings.home
    mend = f"make {home} writable for this user, or set TASKQ_HOME to a folder that is"
    if not home.exists():
        parent = existing_folder(home)
        if os.access(parent, os.W_OK | os.X_OK):
            return Check("data folder", True, f"{home}, which the first start makes")
        return Check("data folder", False, f"{home} cannot be made in {parent}", mend)
    try:
        with tempfile.NamedTemporaryFile(dir=home, prefix=".doctor-") as file:
            file.write(b"can this be written?")
            file.flush()
    except OSError as error:
        return Check("data folder", False, f"{home}: {error.strerror}", mend)
    about = home.stat()
    if about.st_uid != os.geteuid():
        return Check("data folder", False, f"{home} belongs to user {about.st_uid}", "set TASKQ_HOME")
    if stat.S_IMODE(about.st_mode) & 0o022:
        return Check("data folder", False, f"others can write to {home}", f"chmod go-w {home}")
    return Check("data folder", True, str(home))


def check_disk(settings: Settings) -> Check:
    """Enough space for the stack's databases and logs."""
    return _space("disk", existing_folder(settings.home), DISK_NEEDED_BYTES, "set TASKQ_HOME to a larger disk")


def check_temporary_folder(_: Settings) -> Check:
    """Temporary files can be made, and there is space for them."""
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        return Check("temporary folder", False, str(error), "set TMPDIR to a folder that can be written")
    return _space("temporary folder", folder, TEMPORARY_NEEDED_BYTES, "set TMPDIR to a larger disk")


def check_parts(settings: Settings) -> Check:
    """No part of the local stack was given up, and somebody starts again what dies."""
    given_up = {role: one.reason for role, one in read_restarts(settings.home).items() if one.given_up}
    if given_up:
        why = "; ".join(f"the {role} ({reason})" for role, reason in given_up.items())
        return Check("parts", False, f"died again and again and were given up: {why}", "mend that, then: taskq up")
    if Daemon("keeper", settings.home / "run").state == "dead":
        return Check("parts", False, "nobody starts again what dies: the keeper has died", "taskq up")
    return Check("parts", True, "none of the local stack's was given up")


CHECKS: list[Checker] = [
    check_python,
    check_rabbitmq,
    check_julia,
    check_juliacall,
    check_ports,
    check_data_folder,
    check_disk,
    check_temporary_folder,
    check_parts,
    check_broker,
    check_dead_letters,
    check_queues,
]


def _space(name: str, folder: Path, needed_bytes: int, otherwise: str) -> Check:
    free = shutil.disk_usage(folder).free
    detail = f"{_megabytes(free)} free at {folder}"
    if free >= needed_bytes:
        return Check(name, True, detail)
    return Check(name, False, detail, f"free at least {_megabytes(needed_bytes)} there, or {otherwise}")


def existing_folder(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next((one for one in (path, *path.parents) if one.exists()), Path("/"))


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes >> 20:,} MB"
