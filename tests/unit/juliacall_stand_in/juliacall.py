"""A stand-in for the module `juliacall`: no Julia in it.

It lets the Python side of the child be tested where no Julia 1.10 can be had. It checks
what the real one would find when it is imported, writes down the calls that are made, and
then hands the file descriptors to a `julia` executable, if it is given one, which
serves them as the real one would.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_seen: dict[str, Any] = {
    "environment": {name: value for name, value in os.environ.items() if name.startswith("PYTHON_JULIACALL_")},
    "included": [],
    "utf8": sys.flags.utf8_mode,
}


#: The first release that can be told to have no interactive thread, as juliacall tells it.
_REFUSES_ZERO_BEFORE = (1, 12)
_release = tuple(map(int, os.environ.get("STAND_IN_VERSION", "1.12").split(".")[:2]))
if os.environ.get("JULIA_NUM_THREADS", "1").endswith(",0") and _release < _REFUSES_ZERO_BEFORE:
    sys.exit("ERROR: julia: -t,--threads=<n>,<m>; n and m must be integers >= 1")


class _Runner:
    """Stands for the Julia module `TaskqRunner`."""

    @staticmethod
    def main(*descriptors: int) -> None:
        _seen["main"] = descriptors
        Path(os.environ["STAND_IN_REPORT"]).write_text(json.dumps(_seen))
        julia = os.environ.get("STAND_IN_JULIA")
        if julia:
            sources = Path(_seen["included"][0]).parent
            command = [julia, "--startup-file=no", str(sources / "main.jl"), *map(str, descriptors), ""]
            subprocess.run(command, pass_fds=descriptors, check=True)


class _Main:
    """Stands for Julia's `Main`."""

    TaskqRunner = _Runner

    @staticmethod
    def include(path: str) -> None:
        assert Path(path).is_file()
        _seen["included"].append(path)


Main = _Main
