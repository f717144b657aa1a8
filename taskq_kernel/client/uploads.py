"""What the service is to have is sent to it, unless it has it: files of tasks and of projects, large arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import BinaryIO, NamedTuple

from taskq_kernel.client import operations
from taskq_kernel.client.refusals import refused
from taskq_kernel.errors import ServiceError
from taskq_kernel.transport.graphql import GraphQLTransport

#: How many are sent at once.
_AT_ONCE = 4


class Source(NamedTuple):
    """Something to be sent: what it is called, and how it is opened."""

    name: str
    content: Callable[[], AbstractContextManager[BinaryIO]]


def send_missing(transport: GraphQLTransport, sources: Mapping[str, Source], field: str) -> None:
    """Send those of some files, by their SHA-256, that the service does not have, several at a time.

    Raises
    ------
    InvalidTask
        If the service does not take one of them. It is named, as part of the ``field``.
    """
    missing = operations.missing_files(transport, list(sources))
    if not missing:
        return
    # late: few programs send files
    from concurrent.futures import ThreadPoolExecutor

    opened: set[BinaryIO] = set()

    def send(ref: str) -> None:
        with sources[ref].content() as file:
            opened.add(file)
            try:
                transport.put_blob(ref, file)
            except ServiceError as error:
                if error.code != "BAD_INPUT":
                    raise
                name = sources[ref].name
                raise refused(f"has {name!r}, which the service does not take: {error}", field) from error
            finally:
                opened.discard(file)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="taskq-upload") as pool:
        try:
            for _ in pool.map(send, missing):
                pass
        except BaseException:  # Ctrl-C above all: what is on its way ends where it is
            for file in list(opened):
                file.close()
            raise


def storing(transport: GraphQLTransport) -> Callable[[str, BinaryIO], None]:
    """What stores large arrays, as `taskq_kernel.arguments.encode_arguments` wants it: each once."""
    there: set[str] = set()

    def store(sha256: str, data: BinaryIO) -> None:
        if sha256 not in there:
            if operations.missing_files(transport, [sha256]):
                transport.put_blob(sha256, data)
            there.add(sha256)

    return store
