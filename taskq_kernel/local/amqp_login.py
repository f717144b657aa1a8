"""Does a RabbitMQ answer, and take this password?"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pika
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError, AuthenticationError, ProbableAuthenticationError

#: How long a server may take for its answer, in seconds.
ANSWER_TIMEOUT_S = 3.0


class LoginRefused(Exception):
    """The server answers, and does not take the user's password."""


def can_log_in(port: int, user: str, password: str) -> bool:
    """Log in to the virtual host ``/`` of a server on the loopback address, and out again.

    Returns
    -------
    bool
        False if nobody answers there, or not within `ANSWER_TIMEOUT_S`, or not as AMQP.

    Raises
    ------
    LoginRefused
        If the user is unknown or the password wrong.
    """
    parameters = pika.ConnectionParameters(
        "127.0.0.1", port, "/", pika.PlainCredentials(user, password), connection_attempts=1,
        socket_timeout=ANSWER_TIMEOUT_S, stack_timeout=ANSWER_TIMEOUT_S,
    )  # fmt: skip
    with _silence():
        try:
            pika.BlockingConnection(parameters).close()
        except (AuthenticationError, ProbableAuthenticationError):
            raise LoginRefused(f"the password of {user!r} is not taken") from None
        except (AMQPError, AMQPConnectorException, OSError):
            return False
    return True


@contextmanager
def _silence() -> Iterator[None]:
    """A node that starts refuses connections many times; pika would log a stack trace for each."""
    logger = logging.getLogger("pika")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
