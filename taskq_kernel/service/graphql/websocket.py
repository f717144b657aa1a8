"""GraphQL over WebSocket, with the protocol graphql-transport-ws.

`graphql_server` does the protocol's states. This subclass authenticates when the
connection is initialised, uses prepared documents, and gives every error a code.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing
from typing import Any

from graphql import ExecutionResult, GraphQLError, OperationType
from graphql_server.http.exceptions import WebSocketDisconnected
from graphql_server.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)

from taskq_kernel.errors import InvalidTask, Unauthorized
from taskq_kernel.service.graphql.documents import InvalidDocument, Prepared
from taskq_kernel.service.graphql.errors import format_errors
from taskq_kernel.service.graphql.execution import SubscriptionRefused, run, subscribe
from taskq_kernel.service.schema.context import RequestContext
from taskq_kernel.service.security.throttle import TooManyFailures, address_of
from taskq_kernel.store.database import StoreUnavailable

log = logging.getLogger(__name__)

#: How many operations one connection may have at a time.
MAX_OPERATIONS = 100
#: How long a connection's token is believed while it is sent something, in seconds.
IDENTIFY_S = 10.0
#: A close frame holds no longer reason, in bytes.
_REASON_BYTES = 120


class GraphQLWebSocketHandler(BaseGraphQLTransportWSHandler[Any, None]):
    """One connection."""

    _authorization: str | None = None
    _identified_at = 0.0

    async def handle(self) -> None:
        """Serve the connection until it ends."""
        try:
            await super().handle()
        except InvalidTask:
            await self._close(4400, "a message is not JSON")

    async def handle_message(self, message: Any) -> None:
        """Handle one message; anything but the protocol's own objects ends the connection."""
        known = isinstance(message, dict) and isinstance(message.get("type"), str)
        if not known or not isinstance(message.get("id", ""), str):
            await self._close(4400, "a message is not one of the protocol's")
            return
        await super().handle_message(message)

    async def handle_connection_init(self, message: Any) -> None:
        """Find out who connects: a token in the payload, or else in the header."""
        payload = message.get("payload")
        if payload is None:
            message = {**message, "payload": {}}
        elif not isinstance(payload, dict):
            await self._close(4400, "the payload of connection_init is not an object")
            return
        if not self.connection_init_received:
            self._authorization = _authorization(payload or {}, self.websocket)
            if not await self._identify():
                return
        await super().handle_connection_init(message)

    async def _identify(self) -> bool:
        """Find out whom the token stands for; if for nobody (any more), the connection ends."""
        try:
            identity = await self.view.runtime.tokens.identify(
                self._authorization, address_of(self.websocket.ws)
            )
        except TooManyFailures as error:
            # Of the protocol's codes this is the one after which clients try again later.
            await self._close(1013, str(error))
            return False
        except Unauthorized as error:
            await self._close(4401, str(error))
            return False
        except StoreUnavailable as error:
            await self._close(1013, str(error))
            return False
        self.context = RequestContext(identity, self.view.runtime)
        self._identified_at = time.monotonic()
        return True

    async def handle_subscribe(self, message: Any) -> None:
        """Start an operation."""
        if not self.connection_acknowledged:
            await self._close(4401, "the connection is not initialised")
            return
        payload, operation_id = message["payload"], message["id"]
        if not isinstance(payload, dict) or not isinstance(payload.get("variables") or {}, dict):
            await self._close(4400, "the payload of subscribe is not an operation")
            return
        if operation_id in self.operations:
            await self._close(4409, f"Subscriber for {operation_id} already exists")
            return
        if len(self.operations) >= MAX_OPERATIONS:
            await self._close(4400, f"more than {MAX_OPERATIONS} operations at once")
            return
        request = await self.view.get_graphql_request_data(
            self.websocket, self.context, payload, "subscription"
        )
        operation = Operation(self, operation_id, None, request)
        self.operations[operation_id] = operation
        operation.task = asyncio.create_task(self.run_operation(operation))

    async def run_operation(self, operation: Any) -> None:
        """Execute an operation, send what comes of it, and take it off the list."""
        try:
            await self._execute(operation)
        except WebSocketDisconnected:
            pass
        except Exception as error:
            # The error is logged and masked; the connection goes on.
            await self._send_errors(operation, [GraphQLError(str(error), original_error=error)])
        finally:
            if self.operations.get(operation.id) is operation:
                del self.operations[operation.id]

    def forget_id(self, id: str) -> None:
        """Make an operation's id free again, if it is not already."""
        self.operations.pop(id, None)

    async def _execute(self, operation: Any) -> None:
        request = operation.request_data
        try:
            prepared: Prepared = self.view.documents.prepare(
                request.query, request.variables, request.operation_name
            )
        except InvalidDocument as error:
            await self._send_errors(operation, error.errors)
            return
        if prepared.kind is not OperationType.SUBSCRIPTION:
            result = await run(self.schema, prepared, request.variables, self.context)
            await self._send(operation, result)
        else:
            try:
                results = subscribe(self.schema, prepared, request.variables, self.context)
                async with aclosing(results):
                    async for result in results:
                        await self._send(operation, result)
            except SubscriptionRefused as error:
                await self._send_errors(operation, error.errors)
                return
            except GraphQLError as error:
                await self._send_errors(operation, [error])
                return
        await operation.send_operation_message({"id": operation.id, "type": "complete"})

    async def _send(self, operation: Any, result: ExecutionResult) -> None:
        # A token that was revoked meanwhile sees nothing more.
        if time.monotonic() - self._identified_at > IDENTIFY_S and not await self._identify():
            raise WebSocketDisconnected
        payload: dict[str, Any] = {"data": result.data}
        if result.errors:
            payload["errors"] = format_errors(result.errors)
        await operation.send_operation_message({"id": operation.id, "type": "next", "payload": payload})

    async def _send_errors(self, operation: Any, errors: list[GraphQLError]) -> None:
        await operation.send_operation_message(
            {"id": operation.id, "type": "error", "payload": format_errors(errors)}
        )

    async def _close(self, code: int, reason: str) -> None:
        short = reason.encode()[:_REASON_BYTES].decode(errors="ignore")
        await self.websocket.close(code=code, reason=short)


def _authorization(payload: dict[str, Any], websocket: Any) -> str | None:
    """The value that carries the token: the payload's, else the header's."""
    for name in ("authorization", "Authorization"):
        if isinstance(payload.get(name), str):
            return str(payload[name])
    header: str | None = websocket.ws.headers.get("authorization")
    return header
