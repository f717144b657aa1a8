"""How taskq starts Python, whatever folder and surroundings it was started from itself.

Python looks for the module of ``-m``, and for every import of it, in the current folder first:
a ``queue.py`` that a user has there would be taken for the standard library's, by a process
that holds the stack's tokens. It takes the encoding of its files from the locale. Neither is
left to chance here, for a process and for those that it starts in turn.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def run_module(module: str, *arguments: str) -> list[str]:
    """The command that runs a module with this Python, from this environment's packages alone."""
    return [sys.executable, "-P", "-m", module, *arguments]


def safe_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a Python of taskq's own.

    Parameters
    ----------
    environment : mapping
        What it is to be made from. Of ``PYTHONPATH`` the whole paths are kept: an empty entry,
        as of ``PYTHONPATH=$PYTHONPATH:/folder``, would be the current folder.
    """
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    kept = os.pathsep.join(path for path in paths if Path(path).is_absolute())
    others = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    return others | {"PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"} | ({"PYTHONPATH": kept} if kept else {})
