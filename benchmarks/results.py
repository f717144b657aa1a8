"""All figures in one page: ``make bench`` writes ``benchmarks/RESULTS.md``.

Each part is a program of its own, run one after another on a machine that does nothing else; a part that
fails leaves what it said in the page, and exit code 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from machine import description, state

from taskq_kernel.local.julia import find_julia
from taskq_kernel.local.rabbit_files import find_server
from taskq_kernel.settings import load_settings

FOLDER = Path(__file__).parent
#: Titles, programs with their arguments, and whether what a program prints is Markdown already.
PARTS: list[tuple[str, list[str], bool]] = [
    ("Beside its peers", ["side_by_side.py"], True),
    ("Processor time of a task, by role", ["costs.py"], False),
    ("Growth", ["growth.py"], False),
    ("Short calls, and a function that takes a second to compile", ["sweeps.py"], False),
    ("A thousand workers", ["fleet.py"], False),
    ("Memory over ten minutes, with a million tasks in the database", ["soak.py"], False),
]


def main() -> int:
    """Write the page; 1 where a part ended with an exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of what is measured beside the peers")
    parser.add_argument("--only", nargs="*", default=[program[0] for _, program, _ in PARTS])
    given = parser.parse_args()
    page, failed = head(), 0
    for title, program, markdown in PARTS:
        if program[0] not in given.only:
            continue
        print(f"{title} ...", file=sys.stderr, flush=True)
        rounds = ["--rounds", str(given.rounds)] if program[0] == "side_by_side.py" else []
        code, said = run([*program, *rounds])
        failed |= code
        page += [f"## {title}", "", said if markdown else f"```\n{said}\n```", ""]
        if code:
            page += [f"`{program[0]}` ended with exit code {code}.", ""]
    (FOLDER / "RESULTS.md").write_text("\n".join(page), "utf-8")
    print("\n".join(page))
    return int(failed != 0)


def head() -> list[str]:
    """What the figures were made on."""
    julia = find_julia(load_settings())
    return [
        "# Results", "",
        "Written by `make bench`. Figures depend on the machine; ratios within one run say more.", "",
        f"taskq {version('taskq-kernel')}, Julia {julia.version}, RabbitMQ {find_server().version}; "
        f"{description()}; {time.strftime('%Y-%m-%d')}; before: {state()}.", "",
    ]  # fmt: skip


def run(program: Sequence[str]) -> tuple[int, str]:
    """The exit code of a program of this folder, and what it printed."""
    done = subprocess.run(
        [sys.executable, FOLDER / program[0], *program[1:]],
        stdout=subprocess.PIPE, encoding="utf-8", check=False, env=os.environ,
    )
    return done.returncode, done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
