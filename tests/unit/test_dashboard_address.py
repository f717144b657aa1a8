"""Where a dashboard is served: the same address from start to start."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from taskq_widgets.dashboard.launch import check_port

from taskq_kernel import SetupError
from taskq_kernel.cli import cli
from taskq_kernel.local.dashboard_address import DashboardAddress


def test_the_token_and_the_port_stay_the_same_from_start_to_start_and_nobody_else_can_read_them(tmp_path: Path) -> None:
    first = DashboardAddress(tmp_path, "board")
    token, port = first.token(), first.port()
    first.keep(port)
    again = DashboardAddress(tmp_path, "board")
    assert (again.token(), again.port()) == (token, port)
    assert (tmp_path / "dashboard.json").stat().st_mode & 0o777 == 0o600


def test_each_kind_of_dashboard_has_a_port_of_its_own_and_a_new_token_is_for_all(tmp_path: Path) -> None:
    board, recipes = DashboardAddress(tmp_path, "board"), DashboardAddress(tmp_path, "recipes")
    board.keep(20001)
    recipes.keep(20002)
    token = board.token()
    assert (board.port(), recipes.port(), recipes.token()) == (20001, 20002, token)
    assert recipes.token(anew=True) != token
    assert board.token() == recipes.token()
    assert board.port() == 20001


def test_a_second_dashboard_beside_the_first_has_another_port_and_leaves_the_first_its_own(tmp_path: Path) -> None:
    address = DashboardAddress(tmp_path, "board")
    with socket.socket() as first:
        first.bind(("127.0.0.1", 0))
        first.listen(1)
        port = first.getsockname()[1]
        address.keep(port)
        second = address.port()
        assert second != port
        address.keep(second)
    assert address.port() == port


@pytest.mark.parametrize("spoilt", ["", "[1]", '{"token": 5, "ports": [1]}', '{"ports": {"board": "x"}}'])
def test_a_file_that_was_spoilt_is_made_anew(tmp_path: Path, spoilt: str) -> None:
    (tmp_path / "dashboard.json").write_text(spoilt)
    address = DashboardAddress(tmp_path, "board")
    token, port = address.token(), address.port()
    assert len(token) >= 30
    address.keep(port)
    assert (address.token(), address.port()) == (token, port)


@pytest.mark.parametrize(("ip", "advice"), [("127.0.0.1", "--port"), ("999.1.1.1", "--ip"), ("192.0.2.1", "--ip")])
def test_what_cannot_be_listened_on_is_said_with_what_to_change(ip: str, advice: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SetupError, match=f"give another {advice}$"):
            check_port(ip, taken.getsockname()[1])


def test_visitors_without_a_name_are_refused_and_do_not_act_as_whoever_serves_the_dashboard() -> None:
    result = CliRunner().invoke(cli, ["dashboard", "--as", ""])
    assert (result.exit_code, "--as is empty" in result.output) == (2, True)
