"""Carries TCP connections from one address to another: ``python -m chaos.proxy FROM TO PORT...``.

Two of these, one in a worker's network namespace and one outside, join the worker's
loopback address with the stack's, over a link that can be cut between them.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

CHUNK = 1 << 16


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(CHUNK):
            target.write(data)
            await target.drain()
    with suppress(OSError):
        target.close()


async def serve(from_host: str, to_host: str, ports: list[int]) -> None:
    """Carry connections for ever."""

    async def accept(port: int) -> asyncio.Server:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                far_reader, far_writer = await asyncio.open_connection(to_host, port)
            except OSError:
                writer.close()
                return
            await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))

        return await asyncio.start_server(handle, from_host, port)

    servers = [await accept(port) for port in ports]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(sys.argv[1], sys.argv[2], [int(port) for port in sys.argv[3:]]))
