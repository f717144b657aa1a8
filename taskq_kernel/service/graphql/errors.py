"""Errors as clients see them: a message, a code, and never the insides of the service."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from graphql import GraphQLError, GraphQLSyntaxError

from taskq_kernel.errors import InvalidTask, ServiceError

log = logging.getLogger(__name__)

BAD_INPUT = "BAD_INPUT"
INTERNAL = "INTERNAL"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
TOO_COMPLEX = "TOO_COMPLEX"
UNAUTHORIZED = "UNAUTHORIZED"


def coded(message: str, code: str) -> dict[str, Any]:
    """An error that is not about any place in a query."""
    return {"message": message, "extensions": {"code": code}}


def extensions_of(error: InvalidTask) -> dict[str, Any]:
    """The extensions that tell a client what cannot be used, and why."""
    return {"code": BAD_INPUT, "field": error.field or None, "index": error.index, "problem": error.problem}


def format_error(error: GraphQLError) -> dict[str, Any]:
    """An error as it is sent, with a code in its extensions."""
    cause = _cause(error)
    formatted: dict[str, Any] = dict(error.formatted)
    extensions = dict(error.extensions or {})
    if cause is None:
        extensions.setdefault("code", PARSE_FAILED if isinstance(error, GraphQLSyntaxError) else BAD_INPUT)
    elif isinstance(cause, ServiceError):
        formatted["message"] = str(cause)
        extensions = {"code": cause.code, **cause.extensions}
    elif isinstance(cause, InvalidTask):
        formatted["message"] = str(cause)
        extensions = extensions_of(cause)
    else:
        reference = uuid4().hex[:12]
        log.error("internal error %s at %s", reference, error.path, exc_info=cause)
        formatted["message"] = f"an internal error occurred; the service's log has it under {reference}"
        extensions = {"code": INTERNAL, "reference": reference}
    formatted["extensions"] = extensions
    return formatted


def format_errors(errors: Sequence[GraphQLError]) -> list[dict[str, Any]]:
    """Errors as they are sent."""
    return [format_error(error) for error in errors]


def with_code(error: GraphQLError, code: str) -> GraphQLError:
    """The same error with a code, unless it has one."""
    error.extensions = {"code": code, **(error.extensions or {})}
    return error


def _cause(error: GraphQLError) -> BaseException | None:
    """What was raised in a resolver; None where GraphQL itself found the fault."""
    cause: BaseException | None = error.original_error
    while isinstance(cause, GraphQLError):
        error, cause = cause, cause.original_error
    return cause
