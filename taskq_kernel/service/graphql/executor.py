"""What HTTP and WebSocket have in common: one schema, its documents, and who asks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from graphql import ExecutionResult, GraphQLSchema

from taskq_kernel.errors import InvalidTask
from taskq_kernel.service.graphql.documents import Documents, Prepared
from taskq_kernel.service.graphql.errors import format_errors
from taskq_kernel.service.graphql.execution import run, subscribe
from taskq_kernel.service.runtime import Runtime
from taskq_kernel.service.schema.context import RequestContext


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """One operation as it was asked for: the query is whatever came, the variables are an object."""

    query: Any
    variables: Mapping[str, Any]
    operation_name: Any

    @classmethod
    def of(cls, payload: Any) -> Self:
        """The operation in a decoded request.

        Raises
        ------
        InvalidTask
            If the payload is no object, or its variables or extensions are none.
        """
        if not isinstance(payload, dict):
            raise InvalidTask('the request is not a JSON object: send one operation, {"query": ...}')
        for name in ("variables", "extensions"):
            if not isinstance(payload.get(name), dict | None):
                raise InvalidTask("is not a JSON object", name)
        return cls(payload.get("query"), payload.get("variables") or {}, payload.get("operationName"))


@dataclass(frozen=True)
class Executor:
    """Executes operations of one schema."""

    schema: GraphQLSchema
    runtime: Runtime
    documents: Documents = field(init=False)

    def __post_init__(self) -> None:
        documents = Documents(self.schema, introspection=self.runtime.settings.introspection)
        object.__setattr__(self, "documents", documents)

    def prepare(self, request: OperationRequest) -> Prepared:
        """The document of a request; raises `InvalidDocument` where it is wrong."""
        return self.documents.prepare(request.query, request.variables, request.operation_name)

    async def run(
        self, prepared: Prepared, request: OperationRequest, context: RequestContext
    ) -> ExecutionResult:
        """Execute a query or a mutation."""
        return await run(self.schema, prepared, request.variables, context)

    def subscribe(
        self, prepared: Prepared, request: OperationRequest, context: RequestContext
    ) -> AsyncGenerator[ExecutionResult]:
        """Execute a subscription: one result an event."""
        return subscribe(self.schema, prepared, request.variables, context)


def answer_of(result: ExecutionResult) -> dict[str, Any]:
    """A result as it is sent: data where anything was executed, and errors with their codes."""
    answer: dict[str, Any] = {}
    if result.errors:
        answer["errors"] = format_errors(result.errors)
    if was_executed(result):
        answer["data"] = result.data
    return answer


def was_executed(result: ExecutionResult) -> bool:
    """Whether any field was resolved; if not, the variables did not fit."""
    return result.data is not None or any(error.path for error in result.errors or ())
