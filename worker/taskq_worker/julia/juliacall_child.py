"""The second kind of Julia process: Python that has loaded Julia as a library.

Started as a program, with the three file descriptors of its supervisor, as ``main.jl`` is, and
the folder of the runner.
Here stands every use of juliacall: `Main.include`, one entry function, and the conversion
of Python's values, which is Julia code (``runner/python.jl``).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(requests_fd: int, frames_fd: int, ahead_fd: int, sources: Path) -> None:
    """Serve tasks until the supervisor closes the requests."""
    # Read when juliacall is imported: without it, Julia's signals are not Julia's own, and
    # a stack overflow in a task ends the process.
    os.environ["PYTHON_JULIACALL_HANDLE_SIGNALS"] = "yes"
    from juliacall import Main

    Main.include(str(sources / "load.jl"))
    Main.include(str(sources / "python.jl"))
    Main.TaskqRunner.main(requests_fd, frames_fd, ahead_fd)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
