"""Answers, each with what keeps it where it belongs: in no cache, in no other page, with no address passed on."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.responses import FileResponse, HTMLResponse, Response

from taskq_kernel.service.shared.exports import TYPES
from taskq_kernel.service.shared.templating import STYLE, rendered

_STYLE_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()

_ALWAYS = {
    "cache-control": "private, no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
#: A page runs no script, has the one style that is in it, and nobody may frame it.
_PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
#: What a task has written may be looked at: in a frame of a page, and there it does nothing and loads nothing.
_TASK_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)


def page(template: str, status: int = 200, headers: dict[str, str] | None = None, **shown: Any) -> Response:
    """A page made of a template."""
    policy = {"content-security-policy": _PAGE_POLICY}
    return HTMLResponse(rendered(template, **shown), status, {**_ALWAYS, **policy, **(headers or {})})


def elsewhere(address: str) -> Response:
    """What is asked for next, with GET."""
    return Response(status_code=303, headers={**_ALWAYS, "location": address})


def saved(content: bytes, name: str) -> Response:
    """Something to be saved as a file."""
    return Response(content, headers={**saved_headers(name), "content-type": type_of(name)})


def saved_file(path: Path, name: str, kind: str | None = None) -> Response:
    """A file to be saved, as what its name says or as another type."""
    return FileResponse(path, media_type=kind or type_of(name), headers=saved_headers(name))


def framed(content: bytes, suffix: str) -> Response:
    """What a task has made and a page shows: an image, or HTML in a frame."""
    headers = {**_ALWAYS, "content-security-policy": _TASK_POLICY, "content-type": type_of(suffix)}
    return Response(content, headers=headers)


def saved_headers(name: str) -> dict[str, str]:
    """The headers of what is saved as a file of this name, whatever is in the name (RFC 6266)."""
    plain = "".join(one if one.isascii() and one.isprintable() and one not in '"\\/%' else "_" for one in name)
    named = f"attachment; filename=\"{plain[:150]}\"; filename*=UTF-8''{quote(name[:150], safe='')}"
    return {**_ALWAYS, "content-security-policy": _TASK_POLICY, "content-disposition": named}


def type_of(name: str) -> str:
    """The type that a file is sent with, of those that the service itself makes; else it is bytes."""
    return TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")
