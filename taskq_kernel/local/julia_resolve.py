"""Run by `julia_project.install`: let juliapkg find or fetch Julia and PythonCall.

A program of its own, since juliapkg reads its settings when it is imported, and prints.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(answer: Path) -> int:
    """Resolve, and write what was found to a file; the exit code."""
    # late: it reads its settings when it is imported, and prints
    import juliapkg
    from juliapkg.state import STATE

    try:
        juliapkg.resolve()
    except Exception as error:  # juliapkg raises bare exceptions of many kinds
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    found = {
        "executable": juliapkg.executable(),
        "library": juliapkg.libjulia(),
        "bindir": juliapkg.bindir(),
        "julia": str(STATE["version"]),
    }
    answer.write_text(json.dumps(found), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
