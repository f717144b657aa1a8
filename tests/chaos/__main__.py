"""``python -m chaos --seed 1 --minutes 10``."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from chaos import report
from chaos.crowd import run_crowd
from chaos.faults import ALL
from chaos.run import Options, run


def main(argv: list[str] | None = None) -> int:
    """Make a run, print and write its report; 0 if everything held."""
    parser = argparse.ArgumentParser(
        prog="python -m chaos",
        description="Run a local stack under load and faults, and check what is left.",
        epilog="examples:\n  python -m chaos --seed 1 --minutes 10\n"
        "  python -m chaos --seed 7 --minutes 2 --only 'kill worker' --only 'kill broker'\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1, help="chooses tasks and faults (default: 1)")
    parser.add_argument("--minutes", type=float, default=10, help="how long faults go on (default: 10)")
    parser.add_argument("--workers", type=int, default=3, help="workers of two slots each (default: 3)")
    parser.add_argument("--pause", type=float, default=0.7, help="mean seconds between faults (default: 0.7)")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=[one.kind for one in ALL],
        help="only this kind of fault",
    )
    parser.add_argument(
        "--long",
        nargs="?",
        type=int,
        const=100_000,
        metavar="TASKS",
        help="no faults: 100,000 waiting tasks while workers join, leave and drain; what waits after --minutes"
        " is cancelled",
    )
    parser.add_argument("--out", type=Path, default=Path("test-results/chaos"), help="folder for the report")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the stack is taken down
    if arguments.long:
        return _crowd(arguments.long, arguments.seed, 60 * arguments.minutes, arguments.out)
    options = Options(
        seed=arguments.seed,
        seconds=60 * arguments.minutes,
        workers=arguments.workers,
        pause_s=arguments.pause,
        only=frozenset(arguments.only),
        keep_logs=arguments.out / "logs",
    )
    result = run(options, lambda line: print(line, flush=True))
    paths = report.write(result, arguments.out)
    print(result.as_text())
    print("written: " + ", ".join(map(str, paths)))
    return 1 if result.failures else 0


def _crowd(tasks: int, seed: int, seconds: float, out: Path) -> int:
    crowd = run_crowd(tasks, seed, seconds, lambda line: print(line, flush=True), out / "logs")
    out.mkdir(parents=True, exist_ok=True)
    (out / "crowd.md").write_text(crowd.as_text())
    print(crowd.as_text())
    return 1 if crowd.failures else 0


if __name__ == "__main__":
    sys.exit(main())
