"""The short form of ``python -m chaos``, as part of the suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chaos import report
from chaos.conftest import missing
from chaos.fleet import SLACK
from chaos.run import Options, run
from taskq_kernel.errors import SetupError

#: How long faults go on; the rest of the two minutes is for start, settling and checks.
SECONDS = float(os.environ.get("CHAOS_SECONDS", "45"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
OUT = Path(os.environ.get("CHAOS_OUT", "test-results/chaos"))


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 400 * SLACK)
def test_nothing_is_lost_and_nothing_doubled_whatever_is_killed() -> None:
    try:
        result = run(Options(seed=SEED, seconds=SECONDS, keep_logs=OUT / "logs"))
    except SetupError as error:
        missing(str(error))
    report.write(result, OUT)
    assert result.findings.tasks > SECONDS, result.as_text()
    assert not result.failures, result.as_text()
