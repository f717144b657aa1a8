"""One open AMQP connection, with pika's callbacks turned into awaitables.

A session is used by one event loop and dies with its connection; `taskq_kernel.broker.client`
opens the next one. pika is not thread-safe: nothing here may be called from another thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import AMQPError, ChannelClosed, ChannelClosedByBroker, ConnectionClosed

from taskq_kernel.broker.alarms import NOWHERE, explain_block
from taskq_kernel.errors import BrokerUnreachable, SettingsError, causes
from taskq_kernel.tls import explain, trusting

log = logging.getLogger(__name__)

#: How long to wait for the broker's answer to anything but a publish, in seconds.
ANSWER_TIMEOUT_S = 10.0
#: How long closing a connection that RabbitMQ reads nothing from may take, in seconds.
BLOCKED_CLOSE_S = 0.5
#: AMQP heartbeat, in seconds: a connection whose other side fell silent is given up after two,
#: and what a worker that was cut off has in hand goes to others then.
HEARTBEAT_S = 5

NOT_FOUND = 404
PRECONDITION_FAILED = 406


def parse_url(url: str, ca_file: Path | None = None) -> pika.URLParameters:
    """pika's parameters for an AMQP URL; with amqps the broker's certificate is checked, always.

    Raises
    ------
    SettingsError
        If it is no AMQP URL, or ``ca_file`` cannot be used. The URL is not repeated: it has a
        password in it.
    """
    if "ssl_options" in url:  # pika would take from it how to check, and not checking is among that
        raise SettingsError("RabbitMQ's URL has ssl_options in it: leave them out, and set TASKQ_CA_FILE")
    wrong = SettingsError("RabbitMQ's URL must look like amqps://user:password@host:5671/%2F")
    if not url.startswith(("amqp://", "amqps://")):
        raise wrong
    try:
        parameters = pika.URLParameters(url)
    except (ValueError, TypeError, SyntaxError):
        raise wrong from None
    if url.startswith("amqps:"):
        parameters.ssl_options = pika.SSLOptions(trusting(ca_file), parameters.host)
    return parameters


class Session:
    """An open connection.

    Attributes
    ----------
    closed : asyncio.Future
        Done, with the reason as its result, once the connection is closed.
    blocked : str
        Why RabbitMQ takes no messages, in its own words; empty while it does. It tells only
        those that have published.
    """

    def __init__(self, connection: Any, closed: asyncio.Future[str]) -> None:
        self._connection = connection
        self.closed = closed
        self.blocked = ""
        self._reported_blocked = asyncio.Event()
        connection.add_on_connection_blocked_callback(lambda _, frame: self._block(str(frame.method.reason)))
        connection.add_on_connection_unblocked_callback(lambda _, _frame: self._block(""))

    def _block(self, reason: str) -> None:
        if reason != self.blocked:
            log.log(logging.WARNING if reason else logging.INFO, "%s", explain_block(reason) if reason
                    else "RabbitMQ takes messages again")  # fmt: skip
        self.blocked = reason
        if reason:
            self._reported_blocked.set()

    @classmethod
    async def open(cls, parameters: pika.URLParameters, client_name: str) -> Session:
        """Connect as `parse_url` said, or raise `BrokerUnreachable`."""
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[Any] = loop.create_future()
        closed: asyncio.Future[str] = loop.create_future()
        parameters.heartbeat = HEARTBEAT_S
        parameters.blocked_connection_timeout = None
        parameters.connection_attempts = 1
        parameters.client_properties = {"connection_name": client_name}

        def succeed(connection: Any) -> None:
            if opened.done():
                connection.close()  # nobody waits for it any more
            else:
                opened.set_result(connection)

        def fail(_connection: Any, error: BaseException | str) -> None:
            if not opened.done():
                opened.set_exception(BrokerUnreachable(f"RabbitMQ does not answer: {_reason(error)}"))

        AsyncioConnection(
            parameters,
            on_open_callback=succeed,
            on_open_error_callback=fail,
            on_close_callback=lambda _, error: _settle(closed, _reason(error)),
            custom_ioloop=loop,
        )
        try:
            # Not `wait_for`: Python 3.11's takes no notice of being cancelled just when what it waits for is there.
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                connection = await opened
        except BaseException as error:
            if opened.done() and not opened.cancelled() and opened.exception() is None:  # it came in that very moment
                opened.result().close()
            if isinstance(error, TimeoutError):
                raise BrokerUnreachable(f"RabbitMQ gave no answer within {ANSWER_TIMEOUT_S:.0f} s") from None
            raise
        return cls(connection, closed)

    async def channel(self) -> Channel:
        """Open a channel. One that opens when nobody waits for it any more is closed at once.

        RabbitMQ reads nothing from a connection that it has blocked: none is asked for then.
        """
        if self.blocked:
            raise BrokerUnreachable(explain_block(self.blocked))
        opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def take(channel: Any) -> None:
            if opened.done():
                channel.close()
            else:
                opened.set_result(channel)

        try:
            self._connection.channel(on_open_callback=take)
        except AMQPError as error:
            raise BrokerUnreachable(f"RabbitMQ closed the connection: {_reason(error)}") from error
        try:
            return Channel(await _answer(opened, self.closed))
        except asyncio.CancelledError:
            if opened.done() and not opened.cancelled():  # it came in the moment of the cancelling
                opened.result().close()
            opened.cancel()
            raise

    async def ask_whether_blocked(self) -> str:
        """Publish a message to nobody; `blocked`, which RabbitMQ says then, is up to date after that."""
        channel = await self.channel()
        answered = asyncio.ensure_future(channel.ping())
        either: list[asyncio.Future[Any]] = [answered, asyncio.ensure_future(self._reported_blocked.wait())]
        try:
            channel.raw.basic_publish("", NOWHERE, b"")
            # Either it answers what was asked behind that message, or it says why it will not.
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if answered.done() and not self.blocked:
                answered.result()
        finally:
            for one in either:
                one.cancel()
            await asyncio.gather(*either, return_exceptions=True)
        return self.blocked

    async def close(self) -> None:
        """Close the connection; messages that were not acknowledged go back to their queues."""
        if not self.closed.done():
            try:
                self._connection.close()
            except AMQPError:
                return  # it is closing already
            # RabbitMQ hears nothing from a connection that it has blocked.
            await asyncio.wait([self.closed], timeout=BLOCKED_CLOSE_S if self.blocked else ANSWER_TIMEOUT_S)
        if not self.closed.done():
            self._connection._adapter_disconnect_stream()  # pika has no public way to hang up
            await asyncio.wait([self.closed], timeout=BLOCKED_CLOSE_S)


class Channel:
    """A channel of a session. Every call raises `BrokerUnreachable` once it is closed.

    Attributes
    ----------
    raw : pika.channel.Channel
        The channel below, for `basic_publish`, `basic_ack` and the like.
    closed : asyncio.Future
        Done, with the AMQP code and text, once the channel is closed by either side.
    """

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        raw.add_on_close_callback(self._on_close)

    def _on_close(self, _raw: Any, error: BaseException) -> None:
        code = error.reply_code if isinstance(error, ChannelClosedByBroker) else 0
        _settle(self.closed, (code, _reason(error)))

    @property
    def is_open(self) -> bool:
        """Whether the channel can be used, as far as this side knows."""
        return self._can_be_used and not self.closed.done()

    @property
    def _can_be_used(self) -> bool:
        # The channels of a connection that was lost hear of it a moment later: whatever is said on them
        # until then is an error.
        return bool(self.raw.is_open and self.raw.connection.is_open)

    async def call(self, method: Callable[..., Any], **arguments: Any) -> Any:
        """Call a pika method that takes ``callback`` and wait for the broker's answer.

        Raises
        ------
        ChannelRefused
            If the broker closes the channel instead; it carries AMQP's code.
        """
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            method(callback=lambda frame: _settle(answered, frame), **arguments)
        except AMQPError as error:
            raise BrokerUnreachable(f"the channel is closed: {_reason(error)}") from error
        return await _answer(answered, self.closed)

    async def ping(self) -> None:
        """Return when RabbitMQ has dealt with what was sent on this channel before."""
        await self.call(self.raw.basic_qos, prefetch_count=0)

    async def declare(
        self, queue: str, *, passive: bool = False, exclusive: bool = False, arguments: dict[str, Any] | None = None
    ) -> int:
        """Declare a durable queue, or one that goes with the connection; return how many messages wait in it."""
        frame = await self.call(
            self.raw.queue_declare, queue=queue, passive=passive, durable=not exclusive, exclusive=exclusive,
            arguments=arguments,
        )
        return int(frame.method.message_count)

    def close(self) -> None:
        """Close the channel; what was delivered on it and not acknowledged goes back."""
        if self._can_be_used:
            self.raw.close()


class ChannelRefused(BrokerUnreachable):
    """The broker closed the channel in answer to a request.

    Attributes
    ----------
    code : int
        AMQP's reply code, such as 404 for a queue that does not exist.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"RabbitMQ refused: {text}")
        self.code = code


async def _answer(answered: asyncio.Future[Any], closed: asyncio.Future[Any]) -> Any:
    """The result of ``answered``, unless the channel or connection closes first."""
    await asyncio.wait([answered, closed], timeout=ANSWER_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
    if answered.done():
        return answered.result()
    answered.cancel()
    if not closed.done():
        raise BrokerUnreachable(f"RabbitMQ gave no answer within {ANSWER_TIMEOUT_S:.0f} s")
    reason = closed.result()
    if isinstance(reason, tuple):
        raise ChannelRefused(*reason)
    raise BrokerUnreachable(f"RabbitMQ closed the connection: {reason}")


def _settle(future: asyncio.Future[Any], result: Any) -> None:
    """Give a future its result, unless whoever waited has given up."""
    if not future.done():
        future.set_result(result)


def _reason(error: BaseException | str) -> str:
    """pika's errors as one line, without the URL (it holds the password)."""
    if isinstance(error, ChannelClosed | ConnectionClosed):
        return f"{error.reply_code} {error.reply_text}"
    if isinstance(error, BaseException):
        system = (cause.strerror for cause in causes(error) if isinstance(cause, OSError) and cause.strerror)
        error = explain(error) or next(system, None) or str(error) or type(error).__name__
    return error.splitlines()[0]
