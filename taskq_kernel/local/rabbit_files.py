"""What RabbitMQ is told: its configuration, its environment, its ports and password.

Everything lies in the node's own folder, readable by its owner only. The password is in
``rabbitmq.conf`` alone: neither the process list nor the environment has it.

===================  ====================================================================
``node.json``        the node's name, its ports and its password; kept from start to start
``rabbitmq.conf``    written anew at every start
``.erlang.cookie``   lets this user's ``rabbitmqctl`` in, and nobody else's
``plugins/``         the only plugin folder the node sees; RabbitMQ's core is in it
``data/``, ``log/``  RabbitMQ's
===================  ====================================================================
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import string
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from taskq_kernel.errors import SetupError
from taskq_kernel.local.machine import memory_bytes
from taskq_kernel.local.processes import free_port, write_private

#: The user that RabbitMQ makes on its first start; there is no guest.
USER = "taskq"
#: Below 3.10 RabbitMQ lacks what quorum queues need here.
OLDEST_VERSION = (3, 10)
#: Erlang threads that run RabbitMQ. One machine's tasks keep two busy at most.
SCHEDULERS = 4

_PLACES = (
    "/usr/lib/rabbitmq/bin/rabbitmq-server",  # /usr/sbin/rabbitmq-server refuses ordinary users
    "/usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server",
    "/opt/rabbitmq/sbin/rabbitmq-server",
)
#: Paths that mean nothing but themselves to a shell and to Erlang.
_PLAIN = re.compile(r"[A-Za-z0-9/._ @+=,-]+")
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/usr/lib/erlang/bin"


@dataclass(frozen=True)
class RabbitServer:
    """An installed RabbitMQ.

    Attributes
    ----------
    script : Path
        ``rabbitmq-server``, the one that any user can run.
    version : str
        Such as ``3.12.1``; empty if it cannot be told from the folder's name.
    """

    script: Path
    version: str

    @property
    def plugins(self) -> Path:
        """The folder with RabbitMQ's own code and all plugins that came with it."""
        return self.script.resolve().parent.parent / "plugins"


def find_server() -> RabbitServer:
    """The RabbitMQ to run: ``TASKQ_RABBITMQ``, else the distribution's.

    Raises
    ------
    SetupError
        If there is none, or it is too old.
    """
    asked = os.environ.get("TASKQ_RABBITMQ")
    script = Path(asked) if asked else _installed_script()
    if script is None:
        raise SetupError(
            "RabbitMQ is not installed; `apt-get install rabbitmq-server` brings it,"
            " or set TASKQ_RABBITMQ to the path of a rabbitmq-server"
        )
    if not os.access(script, os.X_OK):
        raise SetupError(f"TASKQ_RABBITMQ is {str(script)!r}, which is no program that can be run")
    found = re.search(r"rabbitmq_server-(\d+)\.(\d+)[^/]*", str(script.resolve()))
    if found and (int(found[1]), int(found[2])) < OLDEST_VERSION:
        raise SetupError(f"RabbitMQ at {script} is {found[0]}; taskq needs 3.10 or newer")
    return RabbitServer(script, found[0].removeprefix("rabbitmq_server-") if found else "")


def _installed_script() -> Path | None:
    found = (path for place in _PLACES for path in sorted(Path("/").glob(place.lstrip("/")), reverse=True))
    return next(found, None)


@dataclass(frozen=True)
class NodeFacts:
    """What a node keeps from start to start.

    Attributes
    ----------
    name : str
        Its Erlang name, ``taskq-<random>@localhost``: whatever the machine is called.
    amqp, distribution, epmd : int
        Ports: of clients, of ``rabbitmqctl``, and of Erlang's port mapper.
    password : str
        Of the user `USER`.
    """

    name: str
    amqp: int
    distribution: int
    epmd: int
    password: str = field(repr=False)

    @classmethod
    def new(cls) -> NodeFacts:
        """A new node, on free ports."""
        letters = string.ascii_letters + string.digits  # nothing that a URL or a file must quote
        return cls(
            f"taskq-{secrets.token_hex(4)}@localhost",
            *_free_ports(),
            password="".join(secrets.choice(letters) for _ in range(32)),
        )

    @property
    def ports(self) -> tuple[int, int, int]:
        """All its ports."""
        return self.amqp, self.distribution, self.epmd

    def on_other_ports(self) -> NodeFacts:
        """The same node on other free ports."""
        amqp, distribution, epmd = _free_ports()
        return replace(self, amqp=amqp, distribution=distribution, epmd=epmd)


def _free_ports() -> tuple[int, int, int]:
    ports: set[int] = set()
    while len(ports) < 3:
        ports.add(free_port())
    first, second, third = ports
    return first, second, third


@dataclass(frozen=True)
class NodeFiles:
    """The folder of a node.

    Attributes
    ----------
    home : Path
        The folder.
    """

    home: Path

    @property
    def way(self) -> Path:
        """The path by which RabbitMQ is told of the folder: the folder's own, or a link to it.

        RabbitMQ's scripts are a shell's, and its settings Erlang's: a quote, a ``%`` or a ``#`` in a
        path means something to one of them.
        """
        return self.home if _PLAIN.fullmatch(str(self.home)) else _link_to(self.home)

    @property
    def data(self) -> Path:
        """RabbitMQ's data."""
        return self.home / "data"

    @property
    def output(self) -> Path:
        """What the node prints as it starts, or fails to."""
        return self.home / "log" / "startup.log"

    @property
    def log(self) -> Path:
        """The node's log."""
        return self.home / "log" / "rabbit.log"

    def read_facts(self) -> NodeFacts | None:
        """The node's facts; None if it was never started, or they are lost."""
        try:
            return NodeFacts(**json.loads((self.home / "node.json").read_text("utf-8")))
        except (FileNotFoundError, TypeError, ValueError):
            return None

    def write_facts(self, facts: NodeFacts) -> None:
        """Keep the node's facts."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.home / "node.json", json.dumps(asdict(facts), indent=2) + "\n")

    def write(self, facts: NodeFacts, server: RabbitServer) -> None:
        """Write everything that RabbitMQ reads as it starts."""
        for name in ("", "data", "log"):
            (self.home / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.home / "rabbitmq.conf", _configuration(facts))
        write_private(self.home / "enabled_plugins", "[].\n")
        # 127.0.0.1 whatever the machine's own resolver thinks of "localhost".
        write_private(self.home / "inetrc", '{host, {127,0,0,1}, ["localhost"]}.\n{lookup, [file, native]}.\n')
        cookie = self.home / ".erlang.cookie"
        if not cookie.exists():
            write_private(cookie, secrets.token_hex(20), mode=0o400)
        self._link_core(server)
        if self.way != self.home:
            _make_link(self.way, self.home)

    def remove_link(self) -> None:
        """Forget the link by which a stopped node was told of its folder."""
        if self.way != self.home:
            with suppress(OSError):
                self.way.unlink()

    def environment(self, facts: NodeFacts) -> dict[str, str]:
        """The whole environment of the node, and of a ``rabbitmqctl`` that is to reach it."""
        path, way = os.environ.get("PATH"), self.way
        environment = {
            "PATH": f"{path}:{_SYSTEM_PATH}" if path else _SYSTEM_PATH,
            "LANG": "C.UTF-8",
            "HOME": str(way),
            "RABBITMQ_NODENAME": facts.name,
            "RABBITMQ_NODE_PORT": str(facts.amqp),
            "RABBITMQ_DIST_PORT": str(facts.distribution),
            "RABBITMQ_MNESIA_BASE": str(way / self.data.name),
            "RABBITMQ_LOG_BASE": str(way / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(way / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(way / "rabbitmq"),  # it appends .conf
            # What the machine's administrator set for the machine's own RabbitMQ is not for this one.
            "RABBITMQ_CONF_ENV_FILE": str(way / "rabbitmq-env.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(way / "advanced.config"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(facts.epmd),
            "ERL_INETRC": str(way / "inetrc"),
            "ERL_CRASH_DUMP": str(way / "log" / "erl_crash.dump"),
            "ERL_CRASH_DUMP_BYTES": str(8 << 20),
            # The script replaces itself with Erlang, instead of waiting for it in a shell.
            "detached": "true",
            # Several nodes bound to the same cores would wait for each other.
            "RABBITMQ_SCHEDULER_BIND_TYPE": "u",
            # The tables for a million processes, five million atoms and so on are 15 MB.
            "RABBITMQ_MAX_NUMBER_OF_PROCESSES": "65536",
            "RABBITMQ_MAX_NUMBER_OF_ATOMS": "1048576",
            "ERL_MAX_ETS_TABLES": "4096",
            "ERL_MAX_PORTS": "8192",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                f"-kernel inet_dist_use_interface {{127,0,0,1}} +S {_schedulers()}:{_schedulers()}"
            ),
        }
        plugins = way / "plugins"
        return environment | ({"RABBITMQ_PLUGINS_DIR": str(plugins)} if (self.home / "plugins").exists() else {})

    def _link_core(self, server: RabbitServer) -> None:
        """Show the node RabbitMQ's core and not the sixty plugins beside it.

        RabbitMQ reads them all at every start, enabled or not: without them version 3.10 starts
        in 2.5 instead of 4.5 seconds, 4.0 in 1 instead of 3.
        """
        plugins = self.home / "plugins"
        shutil.rmtree(plugins, ignore_errors=True)
        core = [path for path in server.plugins.glob("rabbit-*") if (path / "ebin").is_dir()]
        if core:
            plugins.mkdir(mode=0o700)
            (plugins / core[0].name).symlink_to(core[0])


def _link_to(home: Path) -> Path:
    """Where the link to a folder is, whose own path RabbitMQ cannot be told.

    It lies in the nearest folder above that is this user's own and has a plain path, where nobody
    clears away what is old; else in ``/tmp``.
    """
    name = f".taskq-broker-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
    mine = (one for one in home.parents if _PLAIN.fullmatch(str(one)) and _is_mine(one))
    return next(mine, Path("/tmp")) / name  # noqa: S108  (that the link is this user's is made sure of)


def _is_mine(folder: Path) -> bool:
    try:
        return folder.stat().st_uid == os.geteuid() and os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return False


def _make_link(link: Path, home: Path) -> None:
    with suppress(FileExistsError):
        link.symlink_to(home)
    if link.lstat().st_uid != os.geteuid() or not link.is_symlink() or link.readlink() != home:
        raise SetupError(f"{link} is in the way: RabbitMQ is told of {home} by a link there; remove it")


def _configuration(facts: NodeFacts) -> str:
    """``rabbitmq.conf``, in words that 3.10 to 4.x understand."""
    return "\n".join(
        (
            f"listeners.tcp.1 = 127.0.0.1:{facts.amqp}",
            "num_acceptors.tcp = 2",
            "auth_mechanisms.1 = PLAIN",
            f"default_user = {USER}",
            f"default_pass = {facts.password}",
            "heartbeat = 60",
            # As 3.x has it. From 4.0 on it is 16 MiB, and who sends more loses the channel; here it
            # becomes a dead letter, with the reason.
            "max_message_size = 134217728",
            # Above this RabbitMQ makes publishers wait. It must fit beside Julia.
            f"vm_memory_high_watermark.absolute = {_memory_limit_bytes()}",
            "disk_free_limit.absolute = 50MB",
            "raft.wal_max_size_bytes = 67108864",
            "log.console = false",
            "log.file = rabbit.log",
            "log.file.level = info",
            "log.file.rotation.size = 10485760",
            "log.file.rotation.count = 3",
            "",
        )
    )


def _memory_limit_bytes() -> int:
    """A third of the memory of this machine or container, between 256 MB and 1 GB."""
    return max(256 << 20, min(1 << 30, memory_bytes() // 3))


def _schedulers() -> int:
    return min(SCHEDULERS, len(os.sched_getaffinity(0)))
