"""The answer that is a picture: drawn beside the event loop, a few at a time."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from taskq_kernel.service.runtime import Runtime
from taskq_kernel.service.shared import responses
from taskq_kernel.service.shared.drawing import NotDrawn, png_of, svg_of
from taskq_kernel.service.shared.picture import Picture
from taskq_kernel.service.shared.visitors import Refused, unknown


async def saved_picture(request: Request, runtime: Runtime, drawn: Picture | None, name: str) -> Response:
    """A picture as the file that the path's ``suffix`` asks for.

    Parameters
    ----------
    drawn : Picture or None
        The picture; None where there is none.
    name : str
        What the file is called, without its suffix.

    Raises
    ------
    Refused
        If there is none, or not in that form.
    """
    suffix = request.path_params["suffix"]
    if drawn is None or suffix not in ("svg", "png"):
        raise unknown()
    if suffix == "svg":
        return responses.saved(await asyncio.to_thread(svg_of, drawn), f"{name}.svg")
    try:
        async with runtime.picture_turns:
            return responses.saved(await asyncio.to_thread(png_of, drawn), f"{name}.png")
    except NotDrawn:
        sentence = "The picture cannot be drawn as PNG here. It can be had as SVG."
        raise Refused(503, "Not as PNG", sentence) from None
