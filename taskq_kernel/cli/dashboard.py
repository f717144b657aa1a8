"""``taskq dashboard``: recipes as a page, for people who do not code, or the board."""

from __future__ import annotations

import os
from pathlib import Path

import click

from taskq_kernel.client.connecting import connect
from taskq_kernel.domain import Role
from taskq_kernel.errors import SetupError
from taskq_kernel.local.dashboard_address import DashboardAddress
from taskq_kernel.local.visitor import act_as_visitor, stack_is_there
from taskq_kernel.settings import load_settings

#: The owner of what visitors submit, unless another is named.
VISITORS = "dashboard"


@click.command(
    epilog=(
        "\b\nExamples:\n  taskq dashboard\n  taskq dashboard --port 8866 --no-browser\n"
        "  taskq dashboard --board --as ann"
    )
)
@click.option("--board", is_flag=True,
              help="Serve the board: every task, and a form for Julia code, in the place of recipes.")  # fmt: skip
@click.option("--ip", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0,
              help="Port to listen on; 0: the one that it had the last time, or a free one.")  # fmt: skip
@click.option("--new-token", is_flag=True, help="Make the address that was given out so far worthless.")
@click.option("--as", "name", default=VISITORS, show_default=True, metavar="NAME",
              help="Owner of what visitors submit: they change that owner's tasks, and nobody else's.")  # fmt: skip
@click.option("--visitors-start/--no-visitors-start", default=False, show_default=True,
              help="Let a visitor start a local stack that was taken down.")  # fmt: skip
@click.option("--theme", type=click.Choice(["auto", "light", "dark"]), default="auto", show_default=True,
              help="Colours; auto follows the browser.")  # fmt: skip
@click.option("--browser/--no-browser", default=True, help="Open a browser, where there is one.")
@click.option("--notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Serve this notebook instead of the dashboard.")  # fmt: skip
def dashboard(
    board: bool, ip: str, port: int, new_token: bool, name: str, visitors_start: bool, theme: str, browser: bool,
    notebook: Path | None,
) -> None:  # fmt: skip
    """Serve the dashboard until Ctrl-C; start the local stack if none runs.

    It shows the recipes as forms, for people who do not code. The address that is printed holds a token: whoever has
    it may run them, as NAME, and nothing else; with --board, or a notebook, any Julia code, but as no administrator.
    Port and token stay the same from start to start, so a bookmark works.
    """
    if not name.strip():  # such as a variable that was not set
        raise click.UsageError("--as is empty: give the name that owns what visitors submit, or leave it out")
    try:
        # late: the widgets are an extra
        from taskq_widgets.dashboard.launch import NOTEBOOK, RECIPES, check_port, serve
    except ImportError as error:
        raise SetupError(
            f"the dashboard needs the widgets ({error}); install them with: pip install 'taskq-kernel[lab]'"
        ) from error

    home = load_settings().home
    recipes = not (board or notebook)
    kind = str(notebook.resolve()) if notebook else "board" if board else "recipes"
    kept = DashboardAddress(home, kind)
    port = port or kept.port()
    check_port(ip, port)
    connect().close()  # finds the service, or starts the local stack
    kept.keep(port)
    act_as_visitor(home, Role.RUNNER if recipes else Role.USER, name)
    os.environ["TASKQ_START"] = str(visitors_start)
    page = notebook or (RECIPES if recipes else NOTEBOOK)
    serve(
        page, ip=ip, port=port, theme=theme, open_browser=browser, token=kept.token(anew=new_token),
        on_ready=_say, is_there=lambda: visitors_start or stack_is_there(),
    )  # fmt: skip


def _say(address: str) -> None:
    click.echo(f"The dashboard is at {address}")
    click.echo("Ctrl-C ends it; the stack and its tasks go on.", err=True)
