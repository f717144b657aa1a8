"""RabbitMQ's alarms: how to find out, and how to say it.

RabbitMQ stops taking messages from everybody while its disk has less free than
``disk_free_limit``, or while it holds more memory than ``vm_memory_high_watermark``. It says so
with ``connection.blocked``, and only to connections that publish; from those it reads nothing
more until the alarm is over.
"""

from __future__ import annotations

_LIMITS = {
    "disk": "its disk has less free than its disk_free_limit: free space there",
    "memory": "it holds more memory than its vm_memory_high_watermark: give it more, or let workers take what waits",
}
#: No queue has this name, since those of tasks have no space: a message to it is dropped.
NOWHERE = "taskq probe"


def explain_block(reason: str) -> str:
    """A clause that says which limit it is, and what to do.

    Parameters
    ----------
    reason : str
        What RabbitMQ says: ``low on disk``, ``low on memory``, or both.
    """
    known = [text for word, text in _LIMITS.items() if word in reason]
    return f"RabbitMQ has stopped taking messages, for {'; and '.join(known) or f'it says {reason!r}'}"
