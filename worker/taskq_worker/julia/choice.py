"""Which of the kinds of Julia process a worker's slots run, compiled ahead, and known to start."""

from __future__ import annotations

import hashlib
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from taskq_kernel.errors import SetupError
from taskq_kernel.julia_manifest import fits, version_numbers
from taskq_kernel.local.julia import find_others
from taskq_kernel.settings import Settings
from taskq_worker.julia.command import JuliaCommand, PackageRunner, RunnerCommand, choose_runner, for_packages
from taskq_worker.julia.compiled import compile_ahead
from taskq_worker.julia.juliacall_command import JuliacallCommand
from taskq_worker.julia.trial import try_start

log = logging.getLogger(__name__)

#: How long what has started counts as known to start.
_KNOWN_S = 86400.0


def choose_what_starts(
    settings: Settings, cache: Path
) -> tuple[JuliaCommand | JuliacallCommand, JuliaCommand | JuliacallCommand]:
    """What the slots run, as it is and compiled ahead.

    Where ``auto`` has taken juliacall, and it does not start, that is the executable; the
    log says why.

    Parameters
    ----------
    settings : Settings
        `runner`, `julia`, and the data folder.
    cache : Path
        The folder of compiled runners.

    Raises
    ------
    SetupError
        If there is no Julia that taskq can use.
    """
    plain = choose_runner(settings)
    compiled = compile_ahead(plain, cache)
    if settings.runner == "auto" and isinstance(compiled, JuliacallCommand):
        try:
            _try_once(compiled, cache)
        except SetupError as error:
            log.warning("tasks run in the julia executable, for juliacall does not start: %s", error)
            return choose_what_starts(replace(settings, runner="julia"), cache)
    return plain, compiled


def for_projects(settings: Settings, runner: RunnerCommand, cache: Path) -> list[PackageRunner]:
    """The Julias that projects can have, that of the other tasks first.

    Raises
    ------
    SetupError
        If one that the settings name cannot be used.
    """
    others = [JuliaCommand(str(found.path)) for found in find_others(settings)]
    return [for_packages(runner), *(cast("PackageRunner", compile_ahead(one, cache)) for one in others)]


def choose(julias: Sequence[PackageRunner], made_with: Sequence[str]) -> PackageRunner:
    """The Julia for a project whose manifests were made with these versions: that very one, else one of its release,
    else the first.
    """
    exact = [version_numbers(one) for one in made_with if one.count(".") > 1]
    same = (julia for julia in julias if julia.version() in exact)
    alike = (julia for julia in julias if fits(julia.version(), made_with))
    return next(same, None) or next(alike, julias[0])


def _try_once(command: JuliacallCommand, cache: Path) -> None:
    """`try_start`, unless the same has started within the last day: loading juliacall takes seconds."""
    known = cache / f"starts-{hashlib.sha256(f'{sys.executable} {command}'.encode()).hexdigest()[:16]}"
    try:
        if 0 <= time.time() - known.stat().st_mtime < _KNOWN_S:
            return
    except OSError:
        pass
    try_start(command)
    try:
        known.touch()
    except OSError as error:
        log.debug("that juliacall starts is not kept: %s", error)
