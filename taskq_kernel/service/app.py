"""The service as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from taskq_kernel.broker.alarms import explain_block
from taskq_kernel.domain import Role
from taskq_kernel.errors import Forbidden, InvalidTask, NotFound, Unauthorized
from taskq_kernel.service.blobs import TooLarge, media_type, no_value
from taskq_kernel.service.graphql.errors import coded
from taskq_kernel.service.graphql.executor import Executor
from taskq_kernel.service.graphql.graphiql import STATIC
from taskq_kernel.service.graphql.http import GraphQLOverHTTP, too_many_failures, unauthorized
from taskq_kernel.service.graphql.websocket import GraphQLOverWebSocket
from taskq_kernel.service.runtime import Runtime
from taskq_kernel.service.schema.build import build_schema
from taskq_kernel.service.security import access
from taskq_kernel.service.security.throttle import TooManyFailures, address_of
from taskq_kernel.service.shared.handlers import routes as shared_pages
from taskq_kernel.store.blob_refs import has_value
from taskq_kernel.store.database import StoreUnavailable, current_version
from taskq_kernel.store.tokens import Identity

#: How long the database may take to answer a readiness probe.
READY_TIMEOUT_S = 5.0


def build_app(runtime: Runtime) -> Starlette:
    """Put the application together; the runtime starts and stops with it."""
    executor = Executor(build_schema(), runtime)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await runtime.start()
        try:
            yield
        finally:
            await runtime.stop()

    routes: list[BaseRoute] = [
        Route("/graphql", GraphQLOverHTTP(executor)),
        WebSocketRoute("/graphql", GraphQLOverWebSocket(executor)),
        Route("/blobs/{digest}", get_blob, methods=["GET"]),
        Route("/blobs/{digest}", put_blob, methods=["PUT"]),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        *shared_pages(),
    ]
    if runtime.settings.graphiql:
        routes.append(Mount("/static", StaticFiles(directory=STATIC)))
    app = Starlette(lifespan=lifespan, routes=routes, exception_handlers={
        TooManyFailures: lambda _request, error: too_many_failures(error),
        Unauthorized: lambda _request, error: unauthorized(error),
        Forbidden: lambda _request, error: _error(403, error, error.code),
        NotFound: lambda _request, error: _error(404, error, error.code),
        TooLarge: lambda _request, error: _error(413, error, "BAD_INPUT"),
        InvalidTask: lambda _request, error: _error(400, error, "BAD_INPUT"),
        StoreUnavailable: lambda _request, error: _error(503, error, error.code),
        # Whoever breaks an upload off reads no answer; nothing of it is kept.
        ClientDisconnect: lambda _request, _error: Response(status_code=400),
    })
    app.state.runtime = runtime
    return app


async def get_blob(request: Request) -> Response:
    """A large value: JSON, a NumPy file, or an archive of both."""
    identity = await _identify(request, "reading a value", "GET /blobs")
    runtime, digest = _runtime(request), request.path_params["digest"]
    path = runtime.blobs.find(digest)
    sight = access.visible_to(identity, runtime.settings.private_tasks)
    if sight is not None and not await runtime.store.read(has_value, sight, digest):
        raise no_value(digest)
    kind = await asyncio.to_thread(media_type, path)
    return FileResponse(path, media_type=kind, headers={"cache-control": "private, immutable"})


async def put_blob(request: Request) -> Response:
    """Take in a large value."""
    await _identify(request, "uploading a value", "PUT /blobs")
    await _runtime(request).blobs.store(request.path_params["digest"], request.stream())
    return Response(status_code=204)


async def healthz(_request: Request) -> Response:
    """Whether the process is up."""
    return JSONResponse({"status": "up"})


async def readyz(request: Request) -> Response:
    """Whether tasks can be taken: the database answers. The broker may be away, or take nothing."""
    runtime = _runtime(request)
    blocked = runtime.broker_blocked
    body = {"database": "up", "broker": "blocked" if blocked else "up" if runtime.broker_connected else "away"}
    body |= {"reason": explain_block(blocked)} if blocked else {}
    try:
        await asyncio.wait_for(runtime.store.read(current_version), READY_TIMEOUT_S)
    except (StoreUnavailable, TimeoutError):
        return JSONResponse({**body, "database": "away"}, 503)
    return JSONResponse(body)


async def metrics(request: Request) -> Response:
    """Figures for Prometheus."""
    runtime = _runtime(request)
    identity = await _identify(request, "reading the metrics", "GET /metrics")
    if access.visible_to(identity, runtime.settings.private_tasks) is not None:
        access.check(identity, "reading the metrics of everybody's private tasks", frozenset({Role.ADMIN}))
    text = runtime.metrics.render(
        await runtime.statistics.get(), broker_connected=runtime.broker_connected,
        broker_blocked=bool(runtime.broker_blocked), unserved_queues=len(await runtime.waiting.unserved()),
        subscribers=runtime.feed.subscribers, dead_letters=await runtime.count_dead_letters(),
    )
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


async def _identify(request: Request, action: str, path: str) -> Identity:
    identity = await _runtime(request).tokens.identify(request.headers.get("authorization"), address_of(request))
    access.check(identity, action, access.PATHS[path])
    return identity


def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


def _error(status: int, error: Exception, code: str) -> Response:
    return JSONResponse({"errors": [coded(str(error), code)]}, status)
