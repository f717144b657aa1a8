"""Logging of the stack's processes: one line an event, to standard error."""

from __future__ import annotations

import logging

from taskq_kernel.printable import printable

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Lines(logging.Formatter):
    """Log lines quote names, workers and errors that others wrote."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def line(level: int, name: str, text: str) -> str:
    """A line, with its end, as a process of the stack would log it."""
    return f"{_Lines(FORMAT).format(logging.LogRecord(name, level, '', 0, text, None, None))}\n"


def configure(level: str) -> None:
    """Set up logging for a process of the stack.

    Parameters
    ----------
    level : {'debug', 'info', 'warning', 'error'}
        What taskq itself logs; libraries log warnings and errors.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines(FORMAT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for package in ("taskq_kernel", "taskq_worker", "taskq_sink"):
        logging.getLogger(package).setLevel(level.upper())
    # pika logs a stack trace for every attempt to connect; the broker client says it once.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    # What a connection pool retries is reported by whoever asked.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
