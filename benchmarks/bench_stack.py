"""A throw-away local stack for a benchmark."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from taskq_kernel.local.info import StackInfo
from taskq_kernel.local.stack import LocalStack
from taskq_kernel.settings import load_settings


@contextmanager
def bench_stack(slots: int, prepare: Callable[[Path], None] | None = None) -> Iterator[tuple[Path, StackInfo]]:
    """A stack with ``slots`` slots, in a temporary data folder, to which something may be done before the start."""
    home = Path(tempfile.mkdtemp(prefix="taskq-bench-"))
    local = LocalStack(load_settings(home=home))
    try:
        if prepare is not None:
            prepare(home)
        yield home, local.up(workers=slots)
    finally:
        local.down()
        shutil.rmtree(home, ignore_errors=True)
