"""Settings: flags first, then ``TASKQ_*`` variables, then ``taskq.toml``, then defaults.

They are read once, where a program starts, and passed down; nothing reads them at
import. A command-line flag is declared from the field of the same name
(`taskq_kernel.cli.options`), so flag, variable and file cannot drift apart.

``taskq.toml`` is looked for in the current folder, then in the data folder.

Every ``taskq ls`` and every import of the client comes by here, so it loads nothing that takes
long: a dataclass says what there is, and msgspec checks it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import socket
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from taskq_kernel.durations import seconds_of
from taskq_kernel.errors import SettingsError
from taskq_kernel.paths import absolute
from taskq_kernel.secret_file import read_secret_file

#: What a variable that is true or false may say.
_WORDS = dict.fromkeys(("true", "yes", "on", "1", "t", "y"), True) | dict.fromkeys(
    ("false", "no", "off", "0", "f", "n"), False
)


def default_home() -> Path:
    """The data folder: ``TASKQ_HOME``, or the user's."""
    return absolute(Path(os.environ.get("TASKQ_HOME") or user_home()))


def user_home() -> Path:
    """The data folder of this user, where the platform keeps such data."""
    # late: not needed where TASKQ_HOME is set
    from platformdirs import user_data_path

    return Path(user_data_path("taskq"))


class Secret:
    """A text that nothing shows by accident."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('**********')"


def setting(
    default: Any = None, *, about: str, factory: Callable[[], Any] | None = None, repr: bool = True,
    length: bool = False, **bounds: Any,
) -> Any:
    """One field of `Settings`: its default, what it is, and `msgspec.Meta`'s bounds of its value.

    With ``length`` it is a length of time, which may be written as ``90d``.
    """
    metadata = {"about": about, "bounds": bounds, "length": length}
    if factory is not None:
        return dataclasses.field(default_factory=factory, repr=repr, metadata=metadata)
    return dataclasses.field(default=default, repr=repr, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting of every part. Durations are in seconds, sizes in bytes."""

    home: Path = setting(factory=default_home, about="the data folder")
    url: str | None = setting(None, about="the service's GraphQL URL; unset: the local stack")
    token: Secret | None = setting(None, about="bearer token for the service")
    token_file: Path | None = setting(None, about="file that holds the bearer token")
    visitor_token_file: Path | None = setting(
        None, about="file with a token that takes the place of one's own; the kernels of a dashboard have one"
    )
    start: bool = setting(True, about="let clients start the local stack where none runs")
    ca_file: Path | None = setting(
        None, about="PEM file of the authorities to trust for https and amqps; unset: the system's"
    )

    host: str = setting("127.0.0.1", about="address the service listens on")
    port: int = setting(0, ge=0, le=65535, about="port the service listens on; 0: a free one")
    public_url: str | None = setting(
        None, pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$",
        about="the address at which others reach the service, for links to results; unset: the one its clients use"
    )
    tls_cert: Path | None = setting(None, about="PEM file of the service's certificate, with its chain")
    tls_key: Path | None = setting(None, about="PEM file of that certificate's private key")
    insecure: bool = setting(False, about="let the service listen beyond loopback without TLS")
    trusted_proxies: list[str] = setting(
        factory=list, about="addresses of proxies whose X-Forwarded-For the service believes"
    )
    auth_failures: int = setting(
        20, ge=1, about="wrong tokens a minute that one address may send before it has to wait"
    )
    private_tasks: bool = setting(False, about="show each user only the user's own tasks")
    graphiql: bool = setting(True, about="serve GraphiQL, the page to try queries in")
    introspection: bool = setting(True, about="let queries ask for the schema")
    # The URLs of databases may have passwords in them, so no repr shows them.
    database: str | None = setting(
        None, repr=False, about="task database, an SQLAlchemy URL; unset: SQLite in the data folder"
    )
    results_database: str | None = setting(
        None, repr=False, about="results database, an SQLAlchemy URL; unset: SQLite in the data folder"
    )
    blobs: Path | None = setting(None, about="folder for large values; unset: in the data folder")
    tokens_file: Path | None = setting(
        None, about="JSON file with the hashes of the tokens the service accepts"
    )

    broker: Secret | None = setting(None, about="RabbitMQ's AMQP URL")
    broker_file: Path | None = setting(None, about="file that holds RabbitMQ's AMQP URL")
    broker_prefix: str = setting("taskq", pattern=r"^[A-Za-z0-9_.-]+$", about="prefix of queue names")
    queue_type: Literal["quorum", "classic"] = setting("quorum", about="type of RabbitMQ's queues")

    julia: str | None = setting(None, about="the julia executable; unset: the one set-up found")
    other_julias: list[str] = setting(
        factory=list, about="more julia executables, of which a project's Manifest takes the one that it was made with"
    )
    runner: Literal["auto", "julia", "juliacall"] = setting("auto", about="kind of Julia process")
    workers: int | None = setting(None, ge=1, about="slots of the local worker; unset: one per core")
    restart: bool = setting(True, about="start parts of the local stack again that die")
    slots: int | None = setting(None, ge=1, about="slots of this worker; unset: one per core")
    cores: int | None = setting(None, ge=1, le=1 << 16, about="cores that its tasks share; unset: one per slot")
    memory: int | None = setting(
        None, ge=1 << 26, about="memory that its tasks share, by their limits; unset: all but a tenth"
    )
    devices: list[str] | None = setting(
        None, about="devices that tasks may ask for, as their variable names them; unset: what nvidia-smi lists"
    )
    device_variable: str = setting(
        "CUDA_VISIBLE_DEVICES", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", about="variable that shows a task its devices"
    )
    pass_env: list[str] = setting(
        factory=list, about="variables of the worker's environment that tasks see, too; none of taskq's own"
    )
    queues: list[str] = setting(factory=lambda: ["default"], min_length=1, about="queues this worker serves")
    worker_name: str = setting(
        factory=lambda: f"{socket.gethostname()}-{os.getpid()}", about="this worker's name"
    )
    memory_limit: int | None = setting(
        None,
        ge=1 << 26,
        about="resident memory of a task without a limit of its own; unset: all but a tenth",
    )
    task_user: str | None = setting(
        None,
        min_length=1,
        about="user that tasks run as, if the worker is root; unset: one for each slot",
    )
    task_processes: int = setting(
        4096, ge=16, about="processes and threads of a slot, where it has a user of its own"
    )
    task_open_files: int = setting(16_384, ge=64, about="files that a process of a task may have open")
    task_file_size: int = setting(64 << 30, ge=1 << 20, about="largest file that a task may write")
    grace: float = setting(10.0, ge=0, about="how long a stopping worker lets its tasks finish")
    session_idle: float = setting(
        1800.0, gt=0, about="how long a session of a notebook may hold a slot without running a cell"
    )

    heartbeat: float = setting(1.0, gt=0, about="how often a worker reports to the service")
    lease: float = setting(3.0, gt=0, about="how long a worker may be silent before it counts as lost")
    max_lost: int = setting(3, ge=1, about="times a task may lose its worker or its Julia process before it is FAILED")
    max_log_bytes: int = setting(1 << 20, ge=1024, about="what is kept of the output of one attempt")
    max_value_bytes: int = setting(64 << 20, ge=1024, about="largest value kept whole, as JSON")
    max_array_bytes: int = setting(1 << 30, ge=1024, about="largest array of numbers kept whole, in binary")
    max_files_bytes: int = setting(
        4 << 30, ge=1024, about="what one task is given in files, and what is kept of its own, in all"
    )

    project_size: int = setting(
        256 << 20, ge=1 << 16, about="largest project: the bytes of all its files together"
    )
    project_files: int = setting(10_000, ge=1, about="how many files a project may have")
    project_cache_size: int = setting(
        10 << 30, ge=0, about="how much a worker's machine keeps of projects that no task has at hand"
    )
    project_timeout: float = setting(
        1800.0, gt=0, about="how long Julia may take to install and compile a project's packages"
    )

    retention: float | None = setting(
        None, gt=0, length=True, about="how long tasks are kept that are done, such as 90d; unset: for ever"
    )
    retention_keep_results: bool = setting(
        False, about="take from old tasks their logs and history only, and keep their results"
    )

    log_level: Literal["debug", "info", "warning", "error"] = setting("info", about="how much is logged")

    def __post_init__(self) -> None:
        # The stack's parts, and whoever asks for it later, may run in other folders.
        object.__setattr__(self, "home", absolute(self.home))


@dataclasses.dataclass(frozen=True)
class Declared:
    """What the field of a setting says of it.

    Attributes
    ----------
    kind : type
        The type of its values, without ``| None``.
    about : str
        What it is, in a few words.
    default : object
        What it is where nobody sets it; None also where that is found out at the time.
    bounds : mapping
        What its values have to be, as `msgspec.Meta` takes it.
    length : bool
        Whether it is a length of time in seconds, which may be written as ``90d``.
    """

    kind: Any
    about: str
    default: Any
    bounds: Mapping[str, Any]
    length: bool = False


@cache
def declared() -> Mapping[str, Declared]:
    """Every setting, by name."""
    kinds = get_type_hints(Settings)
    return {one.name: _declared(kinds[one.name], one) for one in dataclasses.fields(Settings)}


def _declared(kind: Any, field: dataclasses.Field[Any]) -> Declared:
    if isinstance(kind, UnionType):
        [kind] = (one for one in get_args(kind) if one is not type(None))
    default = None if field.default is dataclasses.MISSING else field.default
    return Declared(kind, field.metadata["about"], default, field.metadata["bounds"], field.metadata["length"])


# -- reading -------------------------------------------------------------------------------


def load_settings(**flags: Any) -> Settings:
    """Read the settings; ``flags`` that are not None win over every other source.

    Raises
    ------
    SettingsError
        If a value cannot be used. It names the setting, the value and what it must be.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    found = _from_file() | _from_environment() | given
    values: dict[str, Any] = {}
    wrong = []
    for name, value in found.items():
        try:
            values[name] = _checked(name, value)
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise SettingsError("; ".join(wrong))
    return Settings(**values)


def config_file(home: Path | None = None) -> Path | None:
    """The ``taskq.toml`` in force: the current folder's, else that of the data folder ``home``."""
    candidates = (Path("taskq.toml"), (home or default_home()) / "taskq.toml")
    return next((path for path in candidates if path.is_file()), None)


def _from_file() -> dict[str, Any]:
    file = config_file()
    if file is None:
        return {}
    # late: few have such a file
    import tomllib

    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error


def _from_environment() -> dict[str, str]:
    given = {name: os.environ.get(f"TASKQ_{name.upper()}") for name in declared()}
    given["home"] = given["home"] or None  # as `default_home` has it
    return {name: value for name, value in given.items() if value is not None}


def _checked(name: str, value: Any) -> Any:
    """The value of a setting, of its type; `ValueError` says what is wrong with it."""
    one = declared().get(name)
    if one is None:
        raise ValueError(f"there is no setting named {name!r}")
    try:
        return _converted(one, value)
    except (ValueError, TypeError) as error:  # msgspec's is a ValueError
        secret = "token" in name or name.endswith(("broker", "database"))
        shown = "" if secret else f" is {value!r}"
        raise ValueError(f"the setting {name!r} (TASKQ_{name.upper()}){shown}: {_lower(error)}") from None


def _lower(error: Exception) -> str:
    text = str(error).replace("`", "")
    return text[:1].lower() + text[1:]


def _converted(one: Declared, value: Any) -> Any:
    if get_origin(one.kind) is Literal and value not in get_args(one.kind):
        raise ValueError(f"it must be {' or '.join(get_args(one.kind))}")
    if one.kind in (Path, Secret):
        text = msgspec.convert(os.fspath(value) if isinstance(value, Path) else value, str)
        return Secret(text) if one.kind is Secret else Path(text)
    if isinstance(value, str):
        value = _from_text(one.kind, value)
    if one.length and isinstance(value, str):
        value = seconds_of(value)
    return msgspec.convert(value, Annotated[one.kind, msgspec.Meta(**one.bounds)], strict=False)


def _from_text(kind: Any, text: str) -> Any:
    """What a variable means; the text itself where it means nothing, for that is an error then."""
    if kind is bool:
        return _WORDS.get(text.lower(), text)
    if get_origin(kind) is list:
        return json.loads(text) if text.startswith("[") else [one.strip() for one in text.split(",") if one.strip()]
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            return text
    return text


# -- secrets -------------------------------------------------------------------------------


def read_token(settings: Settings) -> str:
    """The bearer token: `Settings.token`, else what `Settings.token_file` holds."""
    return _secret(settings.token, settings.token_file, "token")


def read_broker_url(settings: Settings) -> str:
    """The AMQP URL: `Settings.broker`, else what `Settings.broker_file` holds."""
    return _secret(settings.broker, settings.broker_file, "broker")


def _secret(value: Secret | None, file: Path | None, name: str) -> str:
    if value is not None:
        return value.reveal()
    if file is None:
        raise SettingsError(f"set TASKQ_{name.upper()} or TASKQ_{name.upper()}_FILE")
    return read_secret_file(file, f"TASKQ_{name.upper()}_FILE")
