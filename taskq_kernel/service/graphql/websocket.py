"""GraphQL over WebSocket: the protocol graphql-transport-ws, told whole.

::

    client                              server
    connection_init {authorization} ─▶
                                    ◀─ connection_ack
    subscribe {id, payload}         ─▶
                                    ◀─ next {id, payload}      any number of times
                                    ◀─ complete {id}           or error {id, payload}
    complete {id}                   ─▶                         to end it early
    ping                           ◀─▶ pong                    at any time

Whatever breaks the protocol closes the connection with a code of its own (44xx); whatever is
wrong with one operation is an error of that operation, and the connection goes on. The source
is github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any, NoReturn

from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from taskq_kernel.errors import InvalidTask, Unauthorized
from taskq_kernel.service.graphql import codec
from taskq_kernel.service.graphql.documents import InvalidDocument
from taskq_kernel.service.graphql.errors import format_errors
from taskq_kernel.service.graphql.execution import SubscriptionRefused
from taskq_kernel.service.graphql.executor import Executor, OperationRequest
from taskq_kernel.service.schema.context import RequestContext
from taskq_kernel.service.security.throttle import TooManyFailures, address_of
from taskq_kernel.store.database import StoreUnavailable

PROTOCOL = "graphql-transport-ws"
#: How long a client may take to say who it is, in seconds.
INIT_TIMEOUT_S = 60.0
#: How many operations one connection may have at a time.
MAX_OPERATIONS = 100
#: How long a connection's token is believed while it is sent something, in seconds.
IDENTIFY_S = 10.0
#: A close frame holds no longer reason, in bytes.
_REASON_BYTES = 120


class Closing(Exception):
    """The connection is to be closed, with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class GraphQLOverWebSocket:
    """The endpoint /graphql for WebSockets, an ASGI application."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        await Connection(WebSocket(scope, receive, send), self._executor).serve()


class Connection:
    """One connection: who it is of, and its operations.

    Operations run as tasks of one group. Whichever of them, or the reading of messages, finds a
    reason to close raises `Closing`; the group ends the others, and only then is the socket closed,
    so that nothing is sent behind the close frame.
    """

    def __init__(self, socket: WebSocket, executor: Executor) -> None:
        self._socket = socket
        self._executor = executor
        self._runtime = executor.runtime
        self._authorization: str | None = None
        self._context: RequestContext | None = None
        self._identified_at = 0.0
        self._group = asyncio.TaskGroup()
        self._operations: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Speak the protocol until one side ends it."""
        if PROTOCOL not in self._socket.scope.get("subprotocols", ()):
            await self._socket.accept()
            await self._close(4406, f"Subprotocol not acceptable: speak {PROTOCOL}")
            return
        await self._socket.accept(PROTOCOL)
        try:
            async with self._group:
                await self._receive_all()
        except* WebSocketDisconnect:
            pass
        except* Closing as group:
            closing = _first(group)
            await self._close(closing.code, str(closing))

    # -- what the client sends ---------------------------------------------------------------

    async def _receive_all(self) -> NoReturn:
        try:
            async with asyncio.timeout(INIT_TIMEOUT_S):
                while self._context is None:
                    await self._handle(await self._receive())
        except TimeoutError:
            raise Closing(4408, "Connection initialisation timeout") from None
        while True:
            await self._handle(await self._receive())

    async def _receive(self) -> dict[str, Any]:
        event = await self._socket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1005))
        text = event.get("text")
        if text is None:
            raise Closing(4400, "a message is not text")
        try:
            message = codec.decode(text)
        except InvalidTask:
            raise Closing(4400, "a message is not JSON") from None
        if not isinstance(message, dict):
            raise Closing(4400, "a message is not a JSON object")
        return message

    async def _handle(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "connection_init"}:
                await self._initialise(message.get("payload"))
            case {"type": "ping"}:
                await self._send({"type": "pong"})
            case {"type": "pong"}:
                pass
            case {"type": "subscribe", "id": str(name), "payload": payload}:
                self._subscribe(name, payload)
            case {"type": "complete", "id": str(name)}:
                if (operation := self._operations.pop(name, None)) is not None:
                    operation.cancel()
            case _:
                raise Closing(4400, "a message is not one of the protocol's")

    async def _initialise(self, payload: Any) -> None:
        if not isinstance(payload, dict | None):
            raise Closing(4400, "the payload of connection_init is not an object")
        if self._context is not None:
            raise Closing(4429, "Too many initialisation requests")
        self._authorization = _token_of(payload or {}, self._socket)
        self._context = await self._identify()
        await self._send({"type": "connection_ack"})

    async def _identify(self) -> RequestContext:
        """Find out whom the token stands for; if for nobody (any more), the connection ends."""
        try:
            identity = await self._runtime.tokens.identify(self._authorization, address_of(self._socket))
        except (TooManyFailures, StoreUnavailable) as error:
            # Of the protocol's codes this is the one after which clients try again later.
            raise Closing(1013, str(error)) from None
        except Unauthorized as error:
            raise Closing(4401, str(error)) from None
        self._identified_at = time.monotonic()
        return RequestContext(identity, self._runtime)

    def _subscribe(self, name: str, payload: Any) -> None:
        if self._context is None:
            raise Closing(4401, "the connection is not initialised")
        if name in self._operations:
            raise Closing(4409, f"Subscriber for {name} already exists")
        if len(self._operations) >= MAX_OPERATIONS:
            raise Closing(4400, f"more than {MAX_OPERATIONS} operations at once")
        try:
            request = OperationRequest.of(payload)
        except InvalidTask as error:
            raise Closing(4400, str(error)) from None
        self._operations[name] = self._group.create_task(self._run(name, request, self._context))

    # -- what comes of an operation ----------------------------------------------------------

    async def _run(self, name: str, request: OperationRequest, context: RequestContext) -> None:
        """Execute an operation, and send what comes of it; its id is free before its last message."""
        try:
            await self._execute(name, request, context)
            last: dict[str, Any] = {"type": "complete", "id": name}
        except (InvalidDocument, SubscriptionRefused) as refused:
            last = {"type": "error", "id": name, "payload": format_errors(refused.errors)}
        except GraphQLError as error:
            last = {"type": "error", "id": name, "payload": format_errors([error])}
        except (Closing, WebSocketDisconnect):
            raise
        except Exception as error:  # a mistake of ours: logged and masked, and the connection goes on
            masked = format_errors([GraphQLError(str(error), original_error=error)])
            last = {"type": "error", "id": name, "payload": masked}
        finally:
            if self._operations.get(name) is asyncio.current_task():
                del self._operations[name]
        await self._send(last)

    async def _execute(self, name: str, request: OperationRequest, context: RequestContext) -> None:
        prepared = self._executor.prepare(request)
        if prepared.kind is not OperationType.SUBSCRIPTION:
            await self._send_result(name, await self._executor.run(prepared, request, context))
            return
        async with aclosing(self._executor.subscribe(prepared, request, context)) as results:
            async for result in results:
                await self._send_result(name, result)

    async def _send_result(self, name: str, result: ExecutionResult) -> None:
        # A token that was revoked meanwhile sees nothing more.
        if time.monotonic() - self._identified_at > IDENTIFY_S:
            await self._identify()
        payload: dict[str, Any] = {"data": result.data}
        if result.errors:
            payload["errors"] = format_errors(result.errors)
        await self._send({"type": "next", "id": name, "payload": payload})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send_text(codec.encode(message).decode())

    async def _close(self, code: int, reason: str) -> None:
        await self._socket.close(code, reason.encode()[:_REASON_BYTES].decode(errors="ignore"))


def _token_of(payload: dict[str, Any], socket: WebSocket) -> str | None:
    """The value that carries the token: the payload's, else the header's."""
    for name in ("authorization", "Authorization"):
        if isinstance(payload.get(name), str):
            return str(payload[name])
    return socket.headers.get("authorization")


def _first(group: BaseExceptionGroup[Any]) -> Closing:
    """The first reason to close that a group holds."""
    for error in group.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("an exception group is never empty")  # pragma: no cover
