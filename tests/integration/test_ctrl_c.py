"""Ctrl-C is for who was started to hear it: what ``nohup`` or a script's ``&`` started goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from stacks import eventually
from terminal import heed_ctrl_c, ignore_ctrl_c

from taskq_kernel.local.processes import free_port
from taskq_kernel.signals import stop_signals


@pytest.mark.parametrize(("start", "hears"), [(heed_ctrl_c, True), (ignore_ctrl_c, False)])
def test_a_service_hears_ctrl_c_unless_it_was_told_to_ignore_it(
    tmp_path: Path, start: Callable[[], None], hears: bool
) -> None:
    log = tmp_path / "service.log"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TASKQ_")}
    with log.open("wb") as output:
        service = subprocess.Popen(
            [sys.executable, "-m", "taskq_kernel.service.main"],
            env=clean | {"TASKQ_HOME": str(tmp_path), "TASKQ_PORT": str(free_port())},
            stdout=output, stderr=output, preexec_fn=start,
        )  # fmt: skip
    try:
        eventually(lambda: "ready on" in log.read_text("utf-8"), "the service is ready", timeout_s=30)
        caught = next(line for line in Path(f"/proc/{service.pid}/status").read_text().splitlines() if "SigCgt" in line)
        assert bool(int(caught.split()[1], 16) >> (signal.SIGINT - 1) & 1) is hears
    finally:
        service.terminate()
        assert service.wait(20) == 0


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (signal.SIG_IGN, (signal.SIGTERM,)),
        (signal.SIG_DFL, (signal.SIGTERM, signal.SIGINT)),
        (signal.default_int_handler, (signal.SIGTERM, signal.SIGINT)),
    ],
)
def test_sigint_tells_a_part_to_stop_unless_it_is_ignored(before: object, expected: tuple[int, ...]) -> None:
    kept = signal.signal(signal.SIGINT, before)  # type: ignore[arg-type]
    try:
        assert stop_signals() == expected
    finally:
        signal.signal(signal.SIGINT, kept)
