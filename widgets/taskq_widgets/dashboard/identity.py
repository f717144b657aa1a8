"""Who may see the dashboard: whoever has the token that its address ends with."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.identity import PasswordIdentityProvider
from jupyter_server.auth.login import LoginFormHandler


class WholeAddressHandler(LoginFormHandler):
    """The page for those who come without the token, or with a wrong one: it says what to do, and takes the token."""

    @allow_unauthenticated  # type: ignore[untyped-decorator,unused-ignore]  # likewise
    def get(self) -> None:
        """Show it, or go on where somebody may."""
        if self.current_user:
            self._redirect_safe(self.get_argument("next", default=self.base_url))  # type: ignore[no-untyped-call,unused-ignore]
        else:
            self._render()

    def _render(self, message: Any = None) -> None:
        came_for = self.get_argument("next", default=self.base_url)
        template = self.settings["voila_jinja2_env"].get_template("whole_address.html")
        wrong = message is not None or _token_in(came_for) != ""
        page = template.render(**self.template_namespace, came_for=came_for, wrong=wrong, tried=message is not None)
        self.set_header("Cache-Control", "no-store")
        self.write(page)


class DashboardIdentity(PasswordIdentityProvider):
    """Takes the token from an address, a header or the page's field, in which the whole address may stand, too."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits | {"login_handler_class": WholeAddressHandler})

    def process_login_form(self, handler: Any) -> Any:
        """Whom what was typed stands for; None for nobody."""
        typed = handler.get_argument("password", default="").strip()
        token = _token_in(typed) or typed
        if self.token and hmac.compare_digest(token.encode(), self.token.encode()):
            return self.generate_anonymous_user(handler)
        return None


def _token_in(address: str) -> str:
    """The token in an address, empty where there is none."""
    try:
        return parse_qs(urlsplit(address).query).get("token", [""])[0]
    except ValueError:
        return ""
