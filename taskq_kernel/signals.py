"""The signals that tell a part to stop."""

from __future__ import annotations

import signal


def stop_signals() -> tuple[signal.Signals, ...]:
    """SIGTERM, and SIGINT unless whoever started this process has it ignored.

    ``nohup``, cron, and the ``&`` of a script have: a Ctrl-C in that terminal is for others then.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return (signal.SIGTERM,) if ignored else (signal.SIGTERM, signal.SIGINT)
