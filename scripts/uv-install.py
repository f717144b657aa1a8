"""Install packages with uv as pip would: ``python scripts/uv-install.py ARGUMENTS OF PIP INSTALL``.

uv does in seconds what takes pip a minute, and reads none of pip's settings. Those that say
where packages come from are handed on here, whether they are set by variables or files;
uv's own variables win.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys

#: pip's settings, uv's variables for them, and what stands between several values there.
SETTINGS = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "constraint": ("UV_CONSTRAINT", " "),
    "no-index": ("UV_NO_INDEX", " "),
    "cert": ("SSL_CERT_FILE", " "),
}
#: Where pip finds them, the strongest first.
SECTIONS = (":env:", "install", "global")


def environment(listed: str) -> dict[str, str]:
    """The variables for uv, from what ``pip config list`` prints."""
    found: dict[tuple[str, str], str] = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, setting = name.rpartition(".")
        found[section, setting] = str(ast.literal_eval(value))
    variables = {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}  # pip's way; the second is the older name
    for setting, (variable, between) in SETTINGS.items():
        value = next((found[section, setting] for section in SECTIONS if (section, setting) in found), "")
        if value:
            variables[variable] = between.join(value.split())
    return variables


def main(arguments: list[str]) -> None:
    """Become uv."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, encoding="utf-8",
        errors="replace",
    ).stdout
    # Of several indexes pip takes the newest release, whichever has it.
    command = ["uv", "pip", "install", "--python", sys.executable, "--index-strategy", "unsafe-best-match"]
    # As pip does: whoever imports first need not wait, nor be warned of what is in other people's code.
    command += ["--compile-bytecode"]
    command += [] if os.environ.get("PIP_CACHE_DIR") else ["--no-cache"]
    uv = os.path.join(os.path.dirname(sys.executable), "uv")  # noqa: PTH118, PTH120  (not resolved: .venv's own)
    os.execve(uv, [*command, *arguments], environment(listed) | os.environ)  # noqa: S606  (no shell is wanted)


if __name__ == "__main__":
    main(sys.argv[1:])
