"""The dashboard as a tile of JupyterLab's launcher, through jupyter-server-proxy.

jupyter-server-proxy calls `dashboard_server` by its entry point, starts the command when
the tile is first opened, and hands requests on, below whatever prefix a hub gives the
server. The dashboard is told that prefix, so that no page holds a link to anywhere else.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

#: The last part of the dashboard's address, and the entry point's name.
NAME = "taskq-dashboard"
ICON = Path(__file__).parent / "dashboard-icon.svg"
#: The first start may have to start RabbitMQ, the service and Julia too, in seconds.
START_TIMEOUT_S = 120.0


def dashboard_server() -> dict[str, Any]:
    """What jupyter-server-proxy has to know about the dashboard.

    Returns
    -------
    dict
        The arguments of its ``ServerProcess``.
    """
    return {
        "command": dashboard_command,
        "absolute_url": True,
        "timeout": START_TIMEOUT_S,
        "new_browser_tab": True,
        # Opening a page counts as activity of the user's server. What runs to and fro on the
        # socket of an open one does not: a table that is left open, on which nothing
        # happens, must not keep a hub from culling the server.
        "exclude_last_activity_patterns": [r"/api/kernels/[^/]+/channels"],
        "launcher_entry": {"title": "taskq dashboard", "icon_path": str(ICON), "category": "Other"},
    }


def dashboard_command(port: int, base_url: str) -> list[str]:
    """The command that serves the dashboard on a port of the loopback address.

    Parameters
    ----------
    port : int
        The port that jupyter-server-proxy chose.
    base_url : str
        The prefix of the Jupyter server, such as ``/user/ann/``.
    """
    return [
        sys.executable, "-m", "taskq_kernel.cli", "dashboard", "--no-browser", "--port", str(port),
        "--base-url", f"{base_url.rstrip('/')}/{NAME}/",
    ]  # fmt: skip
