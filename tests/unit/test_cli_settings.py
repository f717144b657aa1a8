"""Options of the command line that are settings."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from taskq_kernel.cli import cli
from taskq_kernel.cli.options import settings_options
from taskq_kernel.settings import declared


def test_a_flag_is_declared_by_its_setting() -> None:
    seen: dict[str, Any] = {}

    @click.command()
    @settings_options("port", "queue_type", "queues", "memory_limit", "home")
    def command(**flags: Any) -> None:
        seen.update(flags)

    text = CliRunner().invoke(command, ["--help"]).output
    assert "--queue-type [quorum|classic]" in text
    assert "TASKQ_PORT" in text
    assert str(declared()["queue_type"].default) in text
    CliRunner().invoke(command, ["--queues", "a, b", "--memory-limit", "1 GiB"])
    assert seen == {"port": None, "queue_type": None, "queues": ["a", "b"], "memory_limit": 1 << 30, "home": None}


def test_a_setting_that_is_true_or_false_has_a_flag_for_each() -> None:
    seen: list[Any] = []

    @click.command()
    @settings_options("graphiql")
    def command(graphiql: bool | None) -> None:
        seen.append(graphiql)

    for given in ([], ["--graphiql"], ["--no-graphiql"]):
        assert CliRunner().invoke(command, given).exit_code == 0
    assert seen == [None, True, False]


@pytest.mark.parametrize("url", ["postgresql://ann:word@db/q", "postgresql+psycopg:///q?host=db&password=word"])
def test_a_url_with_a_password_is_no_flag_and_is_not_repeated(url: str) -> None:
    result = CliRunner().invoke(cli, ["service", "--database", url])
    assert result.exit_code == 2
    assert "set TASKQ_DATABASE" in result.output
    assert "word@" not in result.output
    assert "=word" not in result.output


def test_a_secret_is_no_flag() -> None:
    with pytest.raises(ValueError, match="broker is a secret, and no flag: use broker_file"):
        settings_options("broker")(lambda: None)
