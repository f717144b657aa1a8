"""A worker's network namespace, with a link that goes down without a word and comes back.

The service and the broker listen on the loopback address only. In the namespace a proxy
listens on the same ports of its loopback address and carries everything over the link to
a proxy outside, so the worker has the settings of every other worker.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from chaos.arena import run_quietly


class Link:
    """A network namespace behind a link.

    Attributes
    ----------
    why_not : str
        Why it cannot be made here; empty if it was.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        tag = secrets.token_hex(3)
        self.namespace = f"tqc-{tag}"
        self._outside, self._inside = f"tq{tag}o", f"tq{tag}i"
        third = secrets.randbelow(250)
        self._address, self._far_address = f"10.213.{third}.1", f"10.213.{third}.2"
        self._ports = [str(port) for port in ports]
        self._proxies: list[subprocess.Popen[bytes]] = []
        self.why_not = self._make()

    def command(self, command: Sequence[str]) -> list[str]:
        """The command, to be run in the namespace."""
        return ["ip", "netns", "exec", self.namespace, *command]

    def down(self) -> None:
        """Cut it: nothing comes through any more, and nobody is told."""
        run_quietly("ip", "link", "set", self._outside, "down")

    def up(self) -> None:
        """Join it again."""
        run_quietly("ip", "link", "set", self._outside, "up")

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Cut while the block runs."""
        self.down()
        try:
            yield
        finally:
            self.up()

    def close(self) -> None:
        """Remove everything."""
        for proxy in self._proxies:
            proxy.kill()
            proxy.wait()
        run_quietly("ip", "link", "delete", self._outside)
        run_quietly("ip", "netns", "delete", self.namespace)

    def _make(self) -> str:
        if os.geteuid() != 0:
            return "a network namespace needs root"
        steps = (
            ("ip", "netns", "add", self.namespace),
            ("ip", "link", "add", self._outside, "type", "veth", "peer", "name", self._inside),
            ("ip", "link", "set", self._inside, "netns", self.namespace),
            ("ip", "address", "add", f"{self._address}/30", "dev", self._outside),
            ("ip", "link", "set", self._outside, "up"),
            *(
                ("ip", "-n", self.namespace, *step)
                for step in (
                    ("link", "set", "lo", "up"),
                    ("address", "add", f"{self._far_address}/30", "dev", self._inside),
                    ("link", "set", self._inside, "up"),
                )
            ),
        )
        for step in steps:
            failed = run_quietly(*step)
            if failed:
                self.close()
                return failed
        self._start_proxies()
        return ""

    def _start_proxies(self) -> None:
        program = [sys.executable, "-m", "chaos.proxy"]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
        for command in (
            [*program, self._address, "127.0.0.1", *self._ports],
            self.command([*program, "127.0.0.1", self._address, *self._ports]),
        ):
            self._proxies.append(subprocess.Popen(command, env=environment, start_new_session=True))
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection((self._address, int(self._ports[0])), 1):
                return
            time.sleep(0.05)
