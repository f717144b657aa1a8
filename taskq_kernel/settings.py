"""Settings: flags first, then ``TASKQ_*`` variables, then ``taskq.toml``, then defaults.

They are read once, where a program starts, and passed down; nothing reads them at
import. A command-line flag is declared from the field of the same name
(`taskq_kernel.cli.options`), so flag, variable and file cannot drift apart.

``taskq.toml`` is looked for in the current folder, then in the data folder.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from taskq_kernel.errors import SettingsError
from taskq_kernel.paths import absolute
from taskq_kernel.secret_file import read_secret_file


def default_home() -> Path:
    """The data folder: ``TASKQ_HOME``, or the user's."""
    return absolute(Path(os.environ.get("TASKQ_HOME") or user_home()))


def user_home() -> Path:
    """The data folder of this user, where the platform keeps such data."""
    return Path(user_data_path("taskq"))


class Settings(BaseSettings):
    """Every setting of every part. Durations are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="TASKQ_", extra="forbid", frozen=True)

    home: Path = Field(default_factory=default_home, description="the data folder")
    url: str | None = Field(None, description="the service's GraphQL URL; unset: the local stack")
    token: SecretStr | None = Field(None, description="bearer token for the service")
    token_file: Path | None = Field(None, description="file that holds the bearer token")
    ca_file: Path | None = Field(
        None, description="PEM file of the authorities to trust for https and amqps; unset: the system's"
    )

    host: str = Field("127.0.0.1", description="address the service listens on")
    port: int = Field(0, ge=0, le=65535, description="port the service listens on; 0: a free one")
    tls_cert: Path | None = Field(None, description="PEM file of the service's certificate, with its chain")
    tls_key: Path | None = Field(None, description="PEM file of that certificate's private key")
    insecure: bool = Field(False, description="let the service listen beyond loopback without TLS")
    trusted_proxies: list[str] = Field(
        [], description="addresses of proxies whose X-Forwarded-For the service believes"
    )
    auth_failures: int = Field(
        20, ge=1, description="wrong tokens a minute that one address may send before it has to wait"
    )
    private_tasks: bool = Field(False, description="show each user only the user's own tasks")
    graphiql: bool = Field(True, description="serve GraphiQL, the page to try queries in")
    introspection: bool = Field(True, description="let queries ask for the schema")
    # The URLs of databases may have passwords in them, so no repr shows them.
    database: str | None = Field(
        None, repr=False, description="task database, an SQLAlchemy URL; unset: SQLite in the data folder"
    )
    results_database: str | None = Field(
        None, repr=False, description="results database, an SQLAlchemy URL; unset: SQLite in the data folder"
    )
    blobs: Path | None = Field(None, description="folder for large values; unset: in the data folder")
    tokens_file: Path | None = Field(
        None, description="JSON file with the hashes of the tokens the service accepts"
    )

    broker: SecretStr | None = Field(None, description="RabbitMQ's AMQP URL")
    broker_file: Path | None = Field(None, description="file that holds RabbitMQ's AMQP URL")
    broker_prefix: str = Field("taskq", pattern=r"^[A-Za-z0-9_.-]+$", description="prefix of queue names")
    queue_type: Literal["quorum", "classic"] = Field("quorum", description="type of RabbitMQ's queues")

    julia: str | None = Field(None, description="the julia executable; unset: the one set-up found")
    runner: Literal["auto", "julia", "juliacall"] = Field("auto", description="kind of Julia process")
    workers: int | None = Field(None, ge=1, description="slots of the local worker; unset: one per core")
    restart: bool = Field(True, description="start parts of the local stack again that die")
    slots: int | None = Field(None, ge=1, description="slots of this worker; unset: one per core")
    queues: list[str] = Field(["default"], min_length=1, description="queues this worker serves")
    worker_name: str = Field(
        default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}", description="this worker's name"
    )
    memory_limit: int | None = Field(
        None,
        ge=1 << 26,
        description="resident memory of a task without a limit of its own; unset: all but a tenth",
    )
    task_user: str | None = Field(
        None,
        min_length=1,
        description="user that tasks run as, if the worker is root; unset: one for each slot",
    )
    task_processes: int = Field(
        4096, ge=16, description="processes and threads of a slot, where it has a user of its own"
    )
    task_open_files: int = Field(16_384, ge=64, description="files that a process of a task may have open")
    task_file_size: int = Field(64 << 30, ge=1 << 20, description="largest file that a task may write")
    grace: float = Field(10.0, ge=0, description="how long a stopping worker lets its tasks finish")

    heartbeat: float = Field(1.0, gt=0, description="how often a worker reports to the service")
    lease: float = Field(3.0, gt=0, description="how long a worker may be silent before it counts as lost")
    max_lost: int = Field(3, ge=1, description="workers a task may lose before it is FAILED")
    max_log_bytes: int = Field(1 << 20, ge=1024, description="what is kept of the output of one attempt")
    max_value_bytes: int = Field(64 << 20, ge=1024, description="largest value kept whole, as JSON")

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="how much is logged")

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        """The stack's parts, and whoever asks for it later, may run in other folders."""
        return absolute(home)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, variables, then the first ``taskq.toml`` there is."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())


def read_token(settings: Settings) -> str:
    """The bearer token: `Settings.token`, else what `Settings.token_file` holds."""
    return _secret(settings.token, settings.token_file, "token")


def read_broker_url(settings: Settings) -> str:
    """The AMQP URL: `Settings.broker`, else what `Settings.broker_file` holds."""
    return _secret(settings.broker, settings.broker_file, "broker")


def _secret(value: SecretStr | None, file: Path | None, name: str) -> str:
    if value is not None:
        return value.get_secret_value()
    if file is None:
        raise SettingsError(f"set TASKQ_{name.upper()} or TASKQ_{name.upper()}_FILE")
    return read_secret_file(file, f"TASKQ_{name.upper()}_FILE")


def config_file(home: Path | None = None) -> Path | None:
    """The ``taskq.toml`` in force: the current folder's, else that of the data folder ``home``."""
    candidates = (Path("taskq.toml"), (home or default_home()) / "taskq.toml")
    return next((path for path in candidates if path.is_file()), None)


def load_settings(**flags: Any) -> Settings:
    """Read the settings; ``flags`` that are not None win over every other source.

    Raises
    ------
    SettingsError
        If a value cannot be used. It names the setting, the value and what it must be.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(item) for item in error.errors())) from None
    except (ValueError, OSError) as error:  # taskq.toml is not TOML, a list variable is not JSON
        file = config_file()
        of = f" (variables, and {file})" if file else ""
        raise SettingsError(f"the settings{of} cannot be read: {error}") from error


def _explain(item: Any) -> str:
    name = ".".join(str(part) for part in item["loc"])
    secret = "token" in name or name.endswith(("broker", "database"))
    value = "" if secret or item["type"] == "missing" else f" is {item['input']!r}"
    if item["type"] == "extra_forbidden":
        return f"there is no setting named {name!r}"
    return f"the setting {name!r} (TASKQ_{name.upper()}){value}: {item['msg'].lower()}"
