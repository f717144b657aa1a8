"""GraphQL over HTTP.

`graphql_server`'s ASGI view does the protocol. This subclass puts authentication before
it, executes with documents that were prepared once, negotiates media types as the
GraphQL-over-HTTP specification says, and gives every error a code.
"""

from __future__ import annotations

import time
from typing import Any

from graphql import ExecutionResult, GraphQLSchema, OperationType
from graphql_server.asgi import ASGIRequestAdapter, GraphQL
from graphql_server.exceptions import GraphQLValidationError
from graphql_server.http import GraphQLRequestData
from graphql_server.http.exceptions import HTTPException
from graphql_server.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from taskq_kernel.errors import InvalidTask, Unauthorized
from taskq_kernel.service.graphql import codec
from taskq_kernel.service.graphql.documents import Documents, InvalidDocument
from taskq_kernel.service.graphql.errors import BAD_INPUT, coded, format_errors
from taskq_kernel.service.graphql.execution import run
from taskq_kernel.service.graphql.graphiql import graphiql_page
from taskq_kernel.service.graphql.negotiation import JSON_TYPE, STRICT_TYPE, is_json, response_type, wants_page
from taskq_kernel.service.graphql.websocket import GraphQLWebSocketHandler
from taskq_kernel.service.runtime import Runtime
from taskq_kernel.service.schema.context import RequestContext
from taskq_kernel.service.security.throttle import TooManyFailures, address_of

#: The largest request, in bytes.
MAX_BODY_BYTES = 64 << 20


class RequestAdapter(ASGIRequestAdapter):
    """A request whose body cannot be of any size."""

    async def get_body(self) -> bytes:
        """The body, if it is not too large."""
        parts, size = [], 0
        async for part in self.request.stream():
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise HTTPException(413, f"the request has more than the {MAX_BODY_BYTES} bytes allowed")
            parts.append(part)
        return b"".join(parts)


class GraphQLView(GraphQL[RequestContext, None]):
    """The endpoint /graphql."""

    request_adapter_class = RequestAdapter
    graphql_transport_ws_handler_class = GraphQLWebSocketHandler

    def __init__(self, schema: GraphQLSchema, runtime: Runtime) -> None:
        super().__init__(
            schema, graphql_ide="graphiql", subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,)
        )
        self.runtime = runtime
        self.documents = Documents(schema, introspection=runtime.settings.introspection)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or serve a WebSocket."""
        if scope["type"] == "websocket":
            await self.run(WebSocket(scope, receive, send))
            return
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        accept = request.headers.get("accept", "")
        if request.method == "GET" and "query" not in request.query_params and wants_page(accept):
            if not self.runtime.settings.graphiql:
                return _refusal(404, "GraphiQL is switched off here (the setting graphiql)", accept)
            return HTMLResponse(graphiql_page(), headers=_PAGE_HEADERS)
        if request.method not in ("GET", "POST"):
            return _refusal(405, f"{request.method} is not allowed: use POST, or GET for queries", accept)
        try:
            identity = await self.runtime.tokens.identify(
                request.headers.get("authorization"), address_of(request)
            )
        except TooManyFailures as error:
            return too_many_failures(error, accept)
        except Unauthorized as error:
            return unauthorized(error, accept)
        if response_type(accept) is None:
            return _refusal(406, f"the service answers in {STRICT_TYPE} or {JSON_TYPE}", "")
        if request.method == "POST" and not is_json(request.headers.get("content-type", "")):
            return _refusal(415, "send the request as application/json, in UTF-8", accept)
        context = RequestContext(identity, self.runtime)
        try:
            response: Response = await self.run(request, context=context)
        except HTTPException as error:
            return _refusal(error.status_code, error.reason, accept)
        except InvalidTask as error:
            return _refusal(400, str(error), accept)
        return response

    async def execute_operation(
        self, request_adapter: Any, request_data: GraphQLRequestData, context: RequestContext,
        root_value: None, allowed_operation_types: set[OperationType],
    ) -> ExecutionResult:
        """Execute a query or a mutation."""
        metrics = self.runtime.metrics
        try:
            prepared = self.documents.prepare(
                request_data.query, request_data.variables, request_data.operation_name
            )
        except InvalidDocument as error:
            metrics.requests.labels("unknown", "refused").inc()
            raise GraphQLValidationError(error.errors) from None
        kind = prepared.kind.value
        if prepared.kind is OperationType.SUBSCRIPTION:
            raise HTTPException(400, "a subscription needs a WebSocket (graphql-transport-ws)")
        if request_adapter.method == "GET" and prepared.kind is not OperationType.QUERY:
            raise HTTPException(405, f"a {kind} is not allowed with GET: use POST")
        began = time.perf_counter()
        result = await run(self.schema, prepared, request_data.variables, context)
        metrics.duration.labels(kind).observe(time.perf_counter() - began)
        metrics.requests.labels(kind, "errors" if result.errors else "ok").inc()
        if result.data is None and result.errors and not any(error.path for error in result.errors):
            # Nothing was executed: the variables do not fit.
            raise GraphQLValidationError(result.errors)
        return result

    async def parse_http_body(self, request: RequestAdapter, context: RequestContext) -> GraphQLRequestData:
        """The request's query, variables and operation name."""
        strict = response_type(request.headers.get("accept", "")) == STRICT_TYPE
        if request.method == "GET":
            data = self.parse_query_params(request.query_params)
        else:
            data = codec.decode(await request.get_body())
        if not isinstance(data, dict):
            raise HTTPException(400, "the request is not a JSON object: send one operation, {\"query\": ...}")
        for name in ("query", "operationName"):
            if data.get(name) is not None and not isinstance(data[name], str):
                raise HTTPException(400, f"{name} is not a string")
        if data.get("query") is None:
            raise HTTPException(400, "the request has no query")
        protocol = "http-strict" if strict else "http"
        return await self.get_graphql_request_data(request, context, data, protocol)

    async def process_result(
        self, request: Request, result: ExecutionResult, strict: bool = False
    ) -> dict[str, Any]:
        """The answer: data where anything was executed, and errors with their codes."""
        answer: dict[str, Any] = {}
        if result.errors:
            answer["errors"] = format_errors(result.errors)
        if result.data is not None or (result.errors and any(error.path for error in result.errors)):
            answer["data"] = result.data
        return answer

    def create_response(self, response_data: Any, sub_response: Response, is_strict: bool) -> Response:
        """The response, in the media type that was negotiated."""
        media_type = STRICT_TYPE if is_strict else JSON_TYPE
        return Response(
            codec.encode(response_data), status_code=sub_response.status_code or 200,
            headers={"content-type": f"{media_type}; charset=utf-8"},
        )

    def decode_json(self, data: str | bytes) -> object:
        """Read JSON strictly."""
        return codec.decode(data)

    def encode_json(self, data: object) -> str:
        """Write JSON, for a WebSocket."""
        return codec.encode(data).decode()

    def should_render_graphql_ide(self, _request: Any) -> bool:
        """The page is served before anything else is looked at."""
        return False

    async def get_context(self, request: Any, response: Any) -> Any:
        """A WebSocket's context is made when it is initialised, with its token."""
        return None


def unauthorized(error: Unauthorized, accept: str = "") -> Response:
    """401: who are you?"""
    return _response(401, coded(str(error), error.code), accept, {"www-authenticate": "Bearer"})


def too_many_failures(error: TooManyFailures, accept: str = "") -> Response:
    """429: not again so soon."""
    headers = {"retry-after": str(error.retry_after_s)}
    return _response(429, coded(str(error), error.code), accept, headers)


def _refusal(status: int, message: str, accept: str) -> Response:
    headers = {"allow": "GET, POST"} if status == 405 else {}
    return _response(status, coded(message, BAD_INPUT), accept, headers)


def _response(status: int, error: dict[str, Any], accept: str, headers: dict[str, str]) -> Response:
    media_type = response_type(accept) or JSON_TYPE
    return Response(
        codec.encode({"errors": [error]}), status,
        headers={**headers, "content-type": f"{media_type}; charset=utf-8"},
    )


#: The page loads nothing from elsewhere, and nobody may frame it.
_PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; connect-src 'self' ws: wss:; worker-src 'self' blob:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
