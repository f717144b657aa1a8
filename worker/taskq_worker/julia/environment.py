"""What a Julia process finds in its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

#: Variables of the supervisor that tasks see too. Everything else stays out: what is not
#: listed may be a token.
PASSED_ON = (
    "PATH",
    "TZ",
    "JULIA_LOAD_PATH",
    "JULIA_PROJECT",
    "JULIA_CPU_TARGET",
    "OPENBLAS_CORETYPE",
    "SSL_CERT_FILE",
    "JULIA_SSL_CA_ROOTS_PATH",
)


def task_environment(home: Path, own: Mapping[str, str], supervisor: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a Julia process.

    Parameters
    ----------
    home : Path
        The task's own folder: home, temporary folder and working directory in one.
    own : mapping
        What the `RunnerCommand` adds.
    supervisor : mapping
        The supervisor's environment, of which `PASSED_ON` is kept.
    """
    threads = own.get("JULIA_NUM_THREADS", "1").partition(",")[0]
    kept = {name: supervisor[name] for name in PASSED_ON if name in supervisor}
    return {
        "PATH": os.defpath,
        **kept,
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        # One core per slot, for linear algebra too.
        "OPENBLAS_NUM_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "JULIA_DEPOT_PATH": _depots(supervisor),
        **own,
    }


def _depots(supervisor: Mapping[str, str]) -> str:
    # Packages are found where the worker's user has them, not in the task's empty home.
    # The empty entry at the end stands for Julia's own.
    depots = supervisor.get("JULIA_DEPOT_PATH")
    return depots if depots else f"{Path(supervisor.get('HOME') or '~').expanduser() / '.julia'}:"
