"""The paths below ``/r``: pages, and what can be had from them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from taskq_kernel.errors import NotFound
from taskq_kernel.service.runtime import Runtime
from taskq_kernel.service.shared import batch_handlers, responses
from taskq_kernel.service.shared.exports import exports_of
from taskq_kernel.service.shared.picture_files import saved_picture
from taskq_kernel.service.shared.reading import TaskRead, read_task
from taskq_kernel.service.shared.reproduce import proof_of, run_again
from taskq_kernel.service.shared.series_curves import curves, series_csv
from taskq_kernel.service.shared.task_page import Place, result_blocks, stored_value, task_page, whole_log
from taskq_kernel.service.shared.value_blocks import IMAGES
from taskq_kernel.service.shared.visitors import Refused, Visitor, gone, may_see, target_of, unknown, visitor_of
from taskq_kernel.store.database import StoreUnavailable
from taskq_kernel.store.shares import Target

log = logging.getLogger(__name__)

#: Parts of a value that a page shows itself.
_FRAMED = frozenset({*IMAGES.values(), "html"})

Handler = Callable[[Request, Runtime, Visitor, Target], Awaitable[Response]]


def routes() -> list[BaseRoute]:
    """The paths of shared pages, for the service's application."""
    return [
        Route("/r/{id}", _seen(_page), methods=["GET"]),
        Route("/r/{id}/picture.{suffix}", _seen(_picture), methods=["GET"]),
        Route("/r/{id}/points.{suffix}", _seen(batch_handlers.points), methods=["GET"]),
        Route("/r/{id}/value.{suffix}", _seen(_value), methods=["GET"]),
        Route("/r/{id}/series.csv", _seen(_series), methods=["GET"]),
        Route("/r/{id}/series-{place}.{suffix}", _seen(_curve), methods=["GET"]),
        Route("/r/{id}/log.txt", _seen(_log), methods=["GET"]),
        Route("/r/{id}/code.jl", _seen(_code), methods=["GET"]),
        Route("/r/{id}/files/{name:path}", _seen(_file), methods=["GET"]),
        Route("/r/{id}/reproduce", _seen(_reproduce), methods=["POST"]),
        Route("/r", _nothing, methods=["GET"]),
        Route("/r/{rest:path}", _nothing, methods=["GET"]),
    ]


def _seen(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A handler for those who may see what the path names; the others get a page that says so."""
    @wraps(handler)
    async def handle(request: Request) -> Response:
        runtime: Runtime = request.app.state.runtime
        try:
            visitor = await visitor_of(request, runtime)
            target = await target_of(request.path_params["id"], visitor, runtime)
            return await handler(request, runtime, visitor, target)
        except Refused as refused:
            return message(refused)
        except StoreUnavailable:
            sentence = "The service cannot read its database right now. Try again in a moment."
            return message(Refused(503, "Not now", sentence, {"retry-after": "5"}))
        except Exception:  # a mistake of ours; the address, which has a token in it, stands in no log
            log.exception("a shared page cannot be made: %s", handler.__qualname__)
            sentence = "The service has made a mistake, and has noted it. Nothing was changed."
            return message(Refused(500, "This page cannot be shown", sentence))

    return handle


def message(refused: Refused) -> Response:
    """The page that says why there is none."""
    return responses.page(
        "message.html", refused.status, refused.headers, title=refused.title, sentence=refused.sentence,
        refresh_s=None,
    )


async def _nothing(_request: Request) -> Response:
    return message(unknown())


async def _page(request: Request, runtime: Runtime, visitor: Visitor, target: Target) -> Response:
    if target.batch is not None:
        return await batch_handlers.page(request, runtime, visitor, target)
    read = await _read(runtime, visitor, target)
    place = Place(
        str(read.task.number), visitor.token, visitor.share, still=request.query_params.get("still") == "1",
        reproduce=proof_of(request, visitor, read.task),
    )
    shown = await asyncio.to_thread(task_page, read, place, runtime.blobs)
    return await asyncio.to_thread(lambda: responses.page("task.html", **shown))


async def _reproduce(request: Request, runtime: Runtime, visitor: Visitor, target: Target) -> Response:
    task = (await _read(runtime, visitor, target, whole=False)).task
    return responses.elsewhere(f"../{await run_again(request, runtime, visitor, task)}")


async def _value(request: Request, runtime: Runtime, visitor: Visitor, target: Target) -> Response:
    task = (await _read(runtime, visitor, target, whole=False)).task
    suffix = request.path_params["suffix"]
    value = stored_value(task, runtime.blobs)
    found = [] if value is None else await asyncio.to_thread(exports_of, value)
    export = next((one for one in found if one.suffix == suffix), None)
    if export is None or value is None:
        raise unknown()
    name = f"task-{task.number}.{suffix}"
    if export.make is None:
        if value.file is None or not value.file.is_file():
            raise unknown()
        return responses.saved_file(value.file, name)
    try:
        content = await asyncio.to_thread(export.make)
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # such as base64 that is none
        log.info("value.%s of task %d cannot be made: %s", suffix, task.number, type(error).__name__)
        raise unknown() from None
    if "shown" in request.query_params and suffix in _FRAMED:
        return responses.framed(content, suffix)
    return responses.saved(content, name)


async def _picture(request: Request, runtime: Runtime, visitor: Visitor, target: Target) -> Response:
    if target.batch is not None:
        return await batch_handlers.picture(request, runtime, visitor, target)
    task = (await _read(runtime, visitor, target, whole=False)).task
    value = stored_value(task, runtime.blobs)
    blocks = [] if value is None else await asyncio.to_thread(result_blocks, task, value)
    drawn = next((block.picture for block in blocks if block.picture is not None), None)
    return await saved_picture(request, runtime, drawn, f"task-{task.number}")


async def _curve(request: Request, runtime: Runtime, visitor: Visitor, target: Target) -> Response:
    read, place = await _read(runtime, visitor, target), request.path_params["place"]
    drawn = await asyncio.to_thread(curves, read.series)
    # By its text: a number of thousands of digits is none that Python reads.
    one = next((curve for number, curve in enumerate(drawn, 1) if str(number) == place), None)
    return await saved_picture(request, runtime, one, f"task-{read.task.number}-series-{place}")


async def _series(_request: Request, runtime: Runtime, visitor: Visitor, target: Target) -> Response:
    read = await _read(runtime, visitor, target)
    content = await asyncio.to_thread(series_csv, read.series)
    if content is None:
        raise unknown()
    return responses.saved(content, f"task-{read.task.number}-series.csv")


async def _log(_request: Request, runtime: Runtime, visitor: Visitor, target: Target) -> Response:
    read = await _read(runtime, visitor, target)
    text = await asyncio.to_thread(whole_log, read.logs)
    return responses.saved(text.encode("utf-8", "replace"), f"task-{read.task.number}-log.txt")


async def _code(_request: Request, runtime: Runtime, visitor: Visitor, target: Target) -> Response:
    task = (await _read(runtime, visitor, target, whole=False)).task
    return responses.saved((task.code or "").encode("utf-8", "replace"), f"task-{task.number}.jl")


async def _file(request: Request, runtime: Runtime, visitor: Visitor, target: Target) -> Response:
    read = await _read(runtime, visitor, target)
    file = next((one for one in read.files if one.name == request.path_params["name"]), None)
    if file is None:
        raise unknown()
    path = runtime.blobs.path(file.ref)
    if not path.is_file():
        raise unknown()
    return responses.saved_file(path, file.name.rpartition("/")[2], kind="application/octet-stream")


async def _read(runtime: Runtime, visitor: Visitor, target: Target, *, whole: bool = True) -> TaskRead:
    """The task that a page is about, if it is for this visitor."""
    if target.task is None:
        raise unknown()
    try:
        read = await runtime.store.read(read_task, target.task, whole=whole)
    except NotFound:
        raise (gone("task") if visitor.share and visitor.share.task == target.task else unknown()) from None
    if not may_see(visitor, read.task.number, read.task.batch, read.task.owner):
        raise unknown()
    return read
