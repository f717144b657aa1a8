"""Install and compile a project's packages: Julia's package manager, in a process of its own."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from taskq_kernel.errors import SetupError
from taskq_kernel.julia_environment import packages_in
from taskq_kernel.julia_manifest import JuliaVersion, manifest_file, packages_of, project_file, read_toml, table_in
from taskq_kernel.local.programs import gist
from taskq_worker.julia.command import PackageRunner
from taskq_worker.julia.prepared_project import PreparedProject
from taskq_worker.julia.process_key import ProcessKey
from taskq_worker.projects.errors import NoRoom, ProjectFailed
from taskq_worker.sandbox.sandbox import Sandbox
from taskq_worker.slots import descendants
from taskq_worker.slots.folder import remove_folder

#: What of the worker's environment the package manager sees beside what tasks see.
_PASSED_ON = ("JULIA_PKG_SERVER", "JULIA_PKG_OFFLINE", "JULIA_PKG_USE_CLI_GIT")
#: Likewise, unless there is a password in it.
_PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY")
#: What moves a terminal's cursor, or colours.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
#: What every program says of a full disk.
_FULL = os.strerror(errno.ENOSPC).lower()
#: How many of the last lines are kept, and how long one may be, in bytes: a longer one is left out.
_MOST_LINES, _MOST_LINE_BYTES = 400, 1 << 16


def packages_from_elsewhere(tree: Path, julia: JuliaVersion) -> list[str]:
    """The packages that a project needs for a Julia and that do not lie in its folder."""
    named = packages_in(tree)
    if named:
        return [one.partition("@")[0] for one in named]
    manifest = manifest_file(tree, julia)
    if manifest is not None:
        found = packages_of(read_toml(manifest))
        return sorted(name for name, entries in found.items() if not all("path" in one for one in entries))
    read = read_toml(project_file(tree))
    inside = {name for name, one in table_in(read, "sources").items() if isinstance(one, dict) and "path" in one}
    return sorted(set(table_in(read, "deps")) - inside)


async def prepare(
    julia: PackageRunner, tree: Path, sandbox: Sandbox, depots: str | None, timeout_s: float,
    on_line: Callable[[str], None],
) -> None:
    """Install and compile what a project needs. Whoever cancels this ends it.

    Parameters
    ----------
    julia : PackageRunner
        What its tasks run in.
    tree : Path
        The project's files; Julia may write there.
    sandbox : Sandbox
        As whom: what is compiled is the project's own code.
    depots : str or None
        Julia's package depots; None: those of a task.
    timeout_s : float
        How long it may take.
    on_line : callable
        Called with each line that is printed.

    Raises
    ------
    ProjectFailed
        With what Pkg says first.
    NoRoom
        Likewise, if that is that the disk is full.
    SetupError
        If Julia cannot be started.
    """
    home = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="prepare-", dir=tree.parent))
    started = julia.started_with(ProcessKey(project=PreparedProject("", tree, packages=True)))
    own = await asyncio.to_thread(started.environment)
    version = await asyncio.to_thread(julia.version)
    environment = sandbox.environment(home, own, os.environ) | _for_packages()
    if depots is not None:
        environment["JULIA_DEPOT_PATH"] = depots
    said: list[str] = []

    def told(line: str) -> None:
        said.append(line)
        del said[:-_MOST_LINES]
        if line.strip():
            on_line(line.strip())

    try:
        sandbox.own(home)
        argv = julia.prepare_argv(tree, packages_from_elsewhere(tree, version))
        status = await _run(argv, environment, home, sandbox, timeout_s, told)
    finally:
        await asyncio.shield(asyncio.to_thread(remove_folder, home))
    if status is None:
        raise ProjectFailed(f"its packages were not ready after {timeout_s:g} s: {gist(said)}")
    if status != 0:
        reason = gist(said).removeprefix("ERROR: ").rstrip() or f"Julia ended with exit status {status}"
        raise NoRoom(reason) if _FULL in reason.lower() else ProjectFailed(reason)


def _for_packages() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    proxies = {name: os.environ[name] for name in _PROXIES if "@" not in os.environ.get(name, "@")}
    # What is installed is compiled afterwards, where a failure is no reason to give up.
    return kept | proxies | {"JULIA_PKG_PRECOMPILE_AUTO": "0", "JULIA_PKG_SERVER_REGISTRY_PREFERENCE": "eager"}


async def _run(
    argv: list[str], environment: dict[str, str], home: Path, sandbox: Sandbox, timeout_s: float,
    on_line: Callable[[str], None],
) -> int | None:
    """Run Julia to its end; its exit status, or None where it took too long."""
    try:
        process = sandbox.popen(
            argv, env=environment, cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise SetupError(f"Julia cannot be started: {error}") from error
    descendants.register_child(process.pid)
    reader = asyncio.StreamReader(limit=_MOST_LINE_BYTES)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stdout)
    try:
        async with asyncio.timeout(timeout_s):
            async for line in _lines(reader):
                on_line(line)
            return await asyncio.to_thread(process.wait)
    except TimeoutError:
        return None
    finally:
        transport.close()
        await asyncio.shield(_end(process, home, sandbox))
        await asyncio.sleep(0)  # in which the pipe is closed


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[str]:
    """What is printed, without colours, line by line."""
    while True:
        try:
            line = await reader.readline()
        except ValueError:  # too long a one: what came of it is gone from the reader
            continue
        if not line:
            return
        # A pager of progress writes over its line.
        yield _ESCAPES.sub("", line.decode("utf-8", "replace").rstrip("\n")).rpartition("\r")[2]


async def _end(process: subprocess.Popen[bytes], home: Path, sandbox: Sandbox) -> None:
    """End it with all that it has started."""
    if process.poll() is None:
        await descendants.end_tree(process.pid, {})
        await asyncio.to_thread(process.wait)
    descendants.forget_child(process.pid)
    await descendants.end_orphans(home, {}, (), sandbox.user)
