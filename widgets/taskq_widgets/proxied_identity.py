"""Who may see the dashboard behind jupyter-server-proxy: whoever the proxy vouches for."""

from __future__ import annotations

from typing import Any

from taskq_widgets.dashboard.identity import DashboardIdentity


class ProxiedIdentity(DashboardIdentity):
    """Takes the token from the header that the proxy sets, and from nowhere else.

    A token in the address is one for the Jupyter server: hubs and Binder append it to
    whatever they open.
    """

    def get_token(self, handler: Any) -> str | None:
        """The token of a request."""
        found = self.auth_header_pat.match(handler.request.headers.get("Authorization", ""))
        return str(found.group(2)) if found else None
