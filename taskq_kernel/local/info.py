"""Where a running stack is: ``stack.json``, which is there while the stack is up."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from taskq_kernel.errors import StackError
from taskq_kernel.local.processes import write_private
from taskq_kernel.paths import from_text
from taskq_kernel.transport.graphql import GraphQLTransport


@dataclass(frozen=True)
class StackInfo:
    """Where a running stack is.

    Attributes
    ----------
    graphql : str
        URL of the GraphQL endpoint.
    token_file : str
        File with the token of the stack's owner.
    port : int
        The service's port.
    slots : int
        Slots of the worker.
    """

    graphql: str
    token_file: str
    port: int
    slots: int

    def transport(self, timeout_s: float) -> GraphQLTransport:
        """The way to the stack's service, as its owner."""
        token = from_text(self.token_file).read_text("utf-8").strip()
        return GraphQLTransport(self.graphql, token, timeout_s=timeout_s)


def read_info(home: Path) -> StackInfo | None:
    """Where the stack of a data folder is, as of its last start; None if it is down."""
    try:
        return StackInfo(**json.loads(info_file(home).read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (TypeError, ValueError, OSError) as error:
        raise StackError(f"{info_file(home)} cannot be read: {error}; `taskq down` removes it") from error


def write_info(home: Path, info: StackInfo) -> None:
    """Say that the stack is up, and where."""
    write_private(info_file(home), json.dumps(asdict(info)))


def info_file(home: Path) -> Path:
    """The file that says where the stack of a data folder is."""
    return home / "stack.json"
