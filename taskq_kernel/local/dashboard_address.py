"""Where a dashboard is served, kept from start to start: so a bookmark of it goes on working.

``dashboard.json`` in the data folder, which only its owner can read, holds the token of the pages
and the port of each kind of dashboard.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from taskq_kernel.local.processes import free_port, port_is_free, write_private


class DashboardAddress:
    """The port and the token of one kind of dashboard.

    Parameters
    ----------
    home : Path
        The data folder.
    kind : str
        Which dashboard: each kind has a port of its own.
    """

    def __init__(self, home: Path, kind: str) -> None:
        self._file = home / "dashboard.json"
        self._kind = kind

    def token(self, *, anew: bool = False) -> str:
        """The token that opens the pages: the one that was kept, unless it is to be made ``anew``."""
        kept = self._read()
        token = kept.get("token")
        if anew or not isinstance(token, str) or not token:
            token = secrets.token_urlsafe(24)
            self._write(kept | {"token": token})
        return token

    def port(self) -> int:
        """The port that it had the last time, or a free one where that is taken or there was none."""
        port = self._kept_port()
        return port if port is not None and port_is_free(port) else free_port()

    def keep(self, port: int) -> None:
        """Keep a port, unless it has one that another program holds just now."""
        before = self._kept_port()
        if before is None or before == port or port_is_free(before):
            self._write(self._read() | {"ports": self._ports() | {self._kind: port}})

    def _kept_port(self) -> int | None:
        port = self._ports().get(self._kind)
        return port if isinstance(port, int) and 0 < port < 65536 else None

    def _ports(self) -> dict[str, Any]:
        ports = self._read().get("ports")
        return ports if isinstance(ports, dict) else {}

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):  # none yet, or one that was spoilt: a new one takes its place
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, content: dict[str, Any]) -> None:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._file, json.dumps(content))
