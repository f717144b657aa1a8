"""What is answered about a batch: its page, its picture, and all of its points as a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from taskq_kernel import exact_json
from taskq_kernel.errors import NotFound
from taskq_kernel.service.runtime import Runtime
from taskq_kernel.service.shared import responses
from taskq_kernel.service.shared.batch_page import batch_page, export_head, export_rows, names_in, picture_of
from taskq_kernel.service.shared.exports import csv_lines
from taskq_kernel.service.shared.large_values import with_large_values
from taskq_kernel.service.shared.picture_files import saved_picture
from taskq_kernel.service.shared.points import every_point, first_points
from taskq_kernel.service.shared.reading import DRAWN, BatchRead, read_batch
from taskq_kernel.service.shared.task_page import Place
from taskq_kernel.service.shared.visitors import Visitor, gone, unknown
from taskq_kernel.store.rows import TaskRow
from taskq_kernel.store.shares import Target
from taskq_kernel.store.sight import Sight

#: Points in which the fields of a file are looked for.
_LOOKED_AT = 1_000


async def page(request: Request, runtime: Runtime, visitor: Visitor, target: Target) -> Response:
    """The page of a batch."""
    number = _number(request.query_params.get("page", "1"))
    read = await _read(runtime, visitor, target, number)
    drawn = await _first(runtime, read, DRAWN) if number == 1 else []
    place = Place(read.id, visitor.token, visitor.share, still=request.query_params.get("still") == "1")
    shown = await asyncio.to_thread(batch_page, read, drawn, place, number)
    return await asyncio.to_thread(lambda: responses.page("batch.html", **shown))


async def picture(request: Request, runtime: Runtime, visitor: Visitor, target: Target) -> Response:
    """A batch's picture as a file."""
    read = await _read(runtime, visitor, target, 1)
    drawn = await asyncio.to_thread(picture_of, read, await _first(runtime, read, DRAWN))
    return await saved_picture(request, runtime, drawn, f"batch-{read.id[:8]}")


async def points(request: Request, runtime: Runtime, visitor: Visitor, target: Target) -> Response:
    """All points of a batch as a file, which is sent as it is read."""
    read = await _read(runtime, visitor, target, 1)
    suffix = request.path_params["suffix"]
    if suffix not in ("csv", "json"):
        raise unknown()
    # A batch's points have the same arguments; the fields are those of the first values that are there.
    names = await asyncio.to_thread(names_in, read, await _first(runtime, read, _LOOKED_AT))
    name = f"batch-{read.id[:8]}.{suffix}"
    lines = _csv(runtime, read, *names) if suffix == "csv" else _json(runtime, read, *names)
    headers = {**responses.saved_headers(name), "content-type": responses.type_of(name)}
    return StreamingResponse(lines, headers=headers)


async def _csv(
    runtime: Runtime, read: BatchRead, arguments: list[str], fields: list[str]
) -> AsyncIterator[bytes]:
    def lines(rows: Sequence[TaskRow]) -> bytes:
        return b"".join(csv_lines(export_rows(rows, arguments, fields)))

    yield b"".join(csv_lines([export_head(arguments, fields)]))
    async for rows in _every(runtime, read):
        yield await asyncio.to_thread(lines, rows)


async def _json(
    runtime: Runtime, read: BatchRead, arguments: list[str], fields: list[str]
) -> AsyncIterator[bytes]:
    head, before = export_head(arguments, fields), b"["

    def objects(rows: Sequence[TaskRow]) -> bytes:
        table = export_rows(rows, arguments, fields)
        return b",\n".join(exact_json.encode(dict(zip(head, row, strict=True))) for row in table)

    async for rows in _every(runtime, read):
        yield before + await asyncio.to_thread(objects, rows)
        before = b",\n"
    yield b"]" if before != b"[" else b"[]"


async def _first(runtime: Runtime, read: BatchRead, count: int) -> list[TaskRow]:
    """The first points of a batch, with what is shown of their values."""
    rows = await first_points(runtime.store, read, count)
    return await asyncio.to_thread(with_large_values, rows, runtime.blobs)


async def _every(runtime: Runtime, read: BatchRead) -> AsyncIterator[list[TaskRow]]:
    """All points of a batch, some at a time, with what is shown of their values."""
    async for rows in every_point(runtime.store, read):
        yield await asyncio.to_thread(with_large_values, rows, runtime.blobs)


async def _read(runtime: Runtime, visitor: Visitor, target: Target, number: int) -> BatchRead:
    if target.batch is None or (visitor.share is not None and visitor.share.batch != target.batch):
        raise unknown()
    try:
        sight, now = Sight(target.owner, recipes_only=visitor.recipes_only), runtime.store.sync.clock()
        read = await runtime.store.read(read_batch, target.batch, sight, number, now)
    except NotFound:
        raise (gone("batch") if visitor.share is not None else unknown()) from None
    if number > 1 and not read.points:
        raise unknown()
    return replace(read, points=await asyncio.to_thread(with_large_values, read.points, runtime.blobs))


def _number(text: str) -> int:
    """A page's number, from 1."""
    if not (text.isascii() and text.isdigit() and len(text) <= 7) or int(text) < 1:
        raise unknown()
    return int(text)
