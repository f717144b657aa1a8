"""GraphQL over HTTP, as the specification's draft has it (graphql.github.io/graphql-over-http).

A request is looked at from the outside in: method, token, media types, body, document. Whatever
is wrong is refused there, as a `Refusal`; only what is right in all of that is executed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from graphql import GraphQLError, OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from taskq_kernel.errors import InvalidTask, ServiceError, Unauthorized
from taskq_kernel.service.graphql import codec
from taskq_kernel.service.graphql.documents import InvalidDocument
from taskq_kernel.service.graphql.errors import BAD_INPUT, coded, extensions_of, format_error, format_errors
from taskq_kernel.service.graphql.executor import Executor, OperationRequest, answer_of, was_executed
from taskq_kernel.service.graphql.graphiql import PAGE_HEADERS, graphiql_page
from taskq_kernel.service.graphql.negotiation import JSON_TYPE, STRICT_TYPE, is_json, response_type, wants_page
from taskq_kernel.service.schema.context import RequestContext
from taskq_kernel.service.security.throttle import TooManyFailures, address_of

#: The largest request, in bytes.
MAX_BODY_BYTES = 64 << 20


class Refusal(Exception):
    """A request that is not executed, with the status to answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class GraphQLOverHTTP:
    """The endpoint /graphql for HTTP, an ASGI application."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._runtime = executor.runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        accept = request.headers.get("accept", "")
        try:
            return await self._answer(request, accept)
        except TooManyFailures as error:
            return too_many_failures(error, accept)
        except Unauthorized as error:
            return unauthorized(error, accept)
        except Refusal as refusal:
            headers = {"allow": "GET, POST"} if refusal.status == 405 else {}
            return _refuse(refusal.status, [coded(str(refusal), BAD_INPUT)], accept, headers)
        except InvalidTask as error:
            return _refuse(400, [{"message": str(error), "extensions": extensions_of(error)}], accept)
        except (ClientDisconnect, ServiceError):
            raise  # the application's own handlers have a status for each
        except Exception as error:  # a mistake of ours: logged, and masked
            return _refuse(500, [format_error(GraphQLError(str(error), original_error=error))], accept)

    async def _answer(self, request: Request, accept: str) -> Response:
        if request.method == "GET" and "query" not in request.query_params and wants_page(accept):
            return self._page()
        if request.method not in ("GET", "POST"):
            raise Refusal(405, f"{request.method} is not allowed: use POST, or GET for queries")
        context = await self._identify(request)
        _check_media_types(request)
        return await self._execute(request, await _read_operation(request), context)

    def _page(self) -> Response:
        if not self._runtime.settings.graphiql:
            raise Refusal(404, "GraphiQL is switched off here (the setting graphiql)")
        return HTMLResponse(graphiql_page(), headers=PAGE_HEADERS)

    async def _identify(self, request: Request) -> RequestContext:
        authorization = request.headers.get("authorization")
        identity = await self._runtime.tokens.identify(authorization, address_of(request))
        return RequestContext(identity, self._runtime)

    async def _execute(self, request: Request, operation: OperationRequest, context: RequestContext) -> Response:
        accept, metrics = request.headers.get("accept", ""), self._runtime.metrics
        try:
            prepared = self._executor.prepare(operation)
        except InvalidDocument as error:
            metrics.requests.labels("unknown", "refused").inc()
            return _refuse(_invalid_status(accept), format_errors(error.errors), accept)
        kind = prepared.kind.value
        if prepared.kind is OperationType.SUBSCRIPTION:
            raise Refusal(400, "a subscription needs a WebSocket (graphql-transport-ws)")
        if request.method == "GET" and prepared.kind is not OperationType.QUERY:
            raise Refusal(405, f"a {kind} is not allowed with GET: use POST")
        began = time.perf_counter()
        result = await self._executor.run(prepared, operation, context)
        metrics.duration.labels(kind).observe(time.perf_counter() - began)
        metrics.requests.labels(kind, "errors" if result.errors else "ok").inc()
        return _json(200 if was_executed(result) else _invalid_status(accept), answer_of(result), accept)


def _check_media_types(request: Request) -> None:
    if response_type(request.headers.get("accept", "")) is None:
        raise Refusal(406, f"the service answers in {STRICT_TYPE} or {JSON_TYPE}")
    if request.method == "POST" and not is_json(request.headers.get("content-type", "")):
        raise Refusal(415, "send the request as application/json, in UTF-8")


async def _read_operation(request: Request) -> OperationRequest:
    payload = _of_parameters(request) if request.method == "GET" else codec.decode(await _read_body(request))
    operation = OperationRequest.of(payload)
    for name, value in (("query", operation.query), ("operationName", operation.operation_name)):
        if not isinstance(value, str | None):
            raise Refusal(400, f"{name} is not a string")
    if operation.query is None:
        raise Refusal(400, "the request has no query")
    return operation


def _of_parameters(request: Request) -> dict[str, Any]:
    parameters: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if parameters.get(name):
            parameters[name] = codec.decode(parameters[name])
    return {name: value for name, value in parameters.items() if value != ""}


async def _read_body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise Refusal(413, f"the request has more than the {MAX_BODY_BYTES} bytes allowed")
        parts.append(part)
    return b"".join(parts)


def _invalid_status(accept: str) -> int:
    """The status of a request that could not be executed: 200 is what the older media type wants."""
    return 400 if response_type(accept) == STRICT_TYPE else 200


def unauthorized(error: Unauthorized, accept: str = "") -> Response:
    """401: who are you?"""
    return _refuse(401, [coded(str(error), error.code)], accept, {"www-authenticate": "Bearer"})


def too_many_failures(error: TooManyFailures, accept: str = "") -> Response:
    """429: not again so soon."""
    return _refuse(429, [coded(str(error), error.code)], accept, {"retry-after": str(error.retry_after_s)})


def _refuse(
    status: int, errors: list[dict[str, Any]], accept: str, headers: Mapping[str, str] | None = None
) -> Response:
    return _json(status, {"errors": errors}, accept, headers)


def _json(status: int, answer: Any, accept: str, headers: Mapping[str, str] | None = None) -> Response:
    content_type = f"{response_type(accept) or JSON_TYPE}; charset=utf-8"
    return Response(codec.encode(answer), status, headers={**(headers or {}), "content-type": content_type})
