"""What the benchmarks take for the processor time of processes that come and go."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

FILE = Path(__file__).parent.parent.parent / "benchmarks" / "processor_time.py"
COMPUTES_S = 0.3
#: Computes, says so, and stays until its input ends.
CODE = f"import sys, time\nwhile time.process_time() < {COMPUTES_S}: pass\nprint(flush=True)\nsys.stdin.read()"


@pytest.fixture
def module() -> Any:
    spec = importlib.util.spec_from_file_location("processor_time", FILE)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@contextmanager
def computed() -> Iterator[psutil.Process]:
    """A process below this one that has computed, until the block ends."""
    with subprocess.Popen([sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        yield psutil.Process(process.pid)
        process.stdin.close()


def test_what_a_process_has_computed_counts_while_it_is_there_and_after_it_was_replaced(module: Any) -> None:
    here = psutil.Process()
    before = module.below_s(here)
    with computed():
        first = module.below_s(here)
    with computed():
        second = module.below_s(here)
    assert first - before > 0.9 * COMPUTES_S
    assert second - first > 0.9 * COMPUTES_S


def test_a_process_that_has_ended_has_computed_nothing_more(module: Any) -> None:
    with computed() as child:
        assert module.own_s(child) > 0.9 * COMPUTES_S
    assert module.own_s(child) == 0.0
