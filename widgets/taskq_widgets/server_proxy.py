"""The dashboard in JupyterLab, through jupyter-server-proxy.

The tile of the launcher is that of taskq's own extension (``widgets/js/launcher``), which opens it
in a panel. jupyter-server-proxy calls `dashboard_server` by its entry point, starts the command when
the dashboard is first opened, and hands requests on, below whatever prefix a hub gives the
server. Run as a program, this module is that command: it is told the prefix, so that no
page holds a link to anywhere else.

The Jupyter server has checked the user before a request comes here. Others on the machine
can reach a port of the loopback address, too: the token that both sides know keeps them out.
"""

from __future__ import annotations

import os
import secrets
import sys
from typing import Any

#: The last part of the dashboard's address, and the entry point's name.
NAME = "taskq-dashboard"
#: The first start may have to start RabbitMQ, the service and Julia too, in seconds.
START_TIMEOUT_S = 120.0

_TOKEN = "TASKQ_DASHBOARD_TOKEN"  # noqa: S105  (the variable's name)


def dashboard_server() -> dict[str, Any]:
    """What jupyter-server-proxy has to know about the dashboard.

    Returns
    -------
    dict
        The arguments of its ``ServerProcess``.
    """
    token = secrets.token_urlsafe(24)
    return {
        "command": [sys.executable, "-P", "-m", __name__, "{port}", f"{{base_url}}{NAME}/"],
        "environment": {_TOKEN: token},
        "request_headers_override": {"Authorization": f"token {token}"},
        "timeout": START_TIMEOUT_S,
        "new_browser_tab": True,
        # Opening a page counts as activity of the user's server. What runs to and fro on the
        # socket of an open one does not: a table that is left open, on which nothing
        # happens, must not keep a hub from culling the server.
        "exclude_last_activity_patterns": [r".*/api/kernels/[^/]+/channels"],
        "launcher_entry": {"enabled": False, "title": "taskq dashboard"},
    }


def main(port: int, base_url: str) -> None:
    """Serve the dashboard until this process is told to stop.

    Parameters
    ----------
    port : int
        The port of the loopback address that jupyter-server-proxy chose.
    base_url : str
        Where the browser sees the dashboard, such as ``/user/ann/taskq-dashboard/``.
    """
    from taskq_kernel.client.connecting import connect
    from taskq_kernel.domain import Role
    from taskq_kernel.local.visitor import act_as_visitor
    from taskq_kernel.settings import load_settings
    from taskq_widgets.dashboard.launch import serve

    token = os.environ.pop(_TOKEN)  # the kernels that this process starts need not know it
    connect().close()  # finds the service, or starts the local stack
    act_as_visitor(load_settings().home, Role.USER)  # the user's own tasks, and nothing of an administrator's
    # Its pages hold the prefix; requests come here without it, since a prefix with an escaped
    # character (a user's @) would come in another form than it is configured.
    voila = {
        "base_url": base_url,
        "server_url": "/",
        "identity_provider_class": "taskq_widgets.proxied_identity.ProxiedIdentity",
    }
    serve(port=port, token=token, open_browser=False, Voila=voila)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
