"""``taskq dashboard``: the board as a page, for people who do not code."""

from __future__ import annotations

from pathlib import Path

import click

from taskq_kernel.client.connecting import connect
from taskq_kernel.errors import SetupError


@click.command(
    epilog=(
        "\b\nExamples:\n  taskq dashboard\n  taskq dashboard --port 8866 --no-browser\n"
        "  taskq dashboard --theme dark"
    )
)
@click.option("--ip", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on; 0: a free one.")
@click.option("--theme", type=click.Choice(["auto", "light", "dark"]), default="auto", show_default=True,
              help="Colours; auto follows the browser.")  # fmt: skip
@click.option("--browser/--no-browser", default=True, help="Open a browser, where there is one.")
@click.option("--notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Serve this notebook instead of the dashboard.")  # fmt: skip
def dashboard(ip: str, port: int, theme: str, browser: bool, notebook: Path | None) -> None:
    """Serve the dashboard until Ctrl-C; start the local stack if none runs.

    The address that is printed holds a token: whoever has it may submit tasks.
    """
    try:
        # late: the widgets are an extra
        from taskq_widgets.dashboard.launch import NOTEBOOK, check_port, serve
    except ImportError as error:
        raise SetupError(
            f"the dashboard needs the widgets ({error}); install them with: pip install 'taskq-kernel[lab]'"
        ) from error

    check_port(ip, port)
    connect().close()  # finds the service, or starts the local stack
    serve(notebook or NOTEBOOK, ip=ip, port=port, theme=theme, open_browser=browser, on_ready=_say)


def _say(address: str) -> None:
    click.echo(f"The dashboard is at {address}")
    click.echo("Ctrl-C ends it; the stack and its tasks go on.", err=True)
