"""Programs started as from a terminal, whatever the tests were started from."""

from __future__ import annotations

import signal


def heed_ctrl_c() -> None:
    """For `subprocess.Popen(preexec_fn=...)`: what runs the tests may ignore SIGINT, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ignore_ctrl_c() -> None:
    """For `subprocess.Popen(preexec_fn=...)`: as ``nohup``, cron, and the ``&`` of a script have it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
