"""The README's Binder badges for a repository: the quick start, and the dashboard.

    python binder/badges.py                           # print them for the remote `origin` of this clone
    python binder/badges.py REPOSITORY-URL            # or for another repository
    python binder/badges.py --update [REPOSITORY-URL] # put them into the README

A badge's address names the repository, so every fork has its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

README = Path(__file__).parents[1] / "README.md"
#: The public BinderHub; another one's address makes badges for that one.
HUB = "https://mybinder.org"
#: What each badge opens, as the path after the Jupyter server's prefix.
PAGES = {
    "Quick start": "lab/tree/notebooks/quickstart.ipynb",
    "Dashboard": "voila/render/notebooks/dashboard.ipynb",
}
_PROVIDERS = {"github.com": "gh", "gitlab.com": "gl"}


def launch_url(repository: str, page: str, ref: str = "HEAD", hub: str = HUB) -> str:
    """The address that builds a repository on a hub and opens a page in it.

    Parameters
    ----------
    repository : str
        As git knows it: ``https://host/owner/name.git`` or ``git@host:owner/name.git``.
    page : str
        What to open, below the Jupyter server's prefix.
    ref : str
        Branch, tag or commit.
    hub : str
        Address of the BinderHub.
    """
    host, path = _parts(repository)
    if host in _PROVIDERS:
        owner_and_name = quote(path, safe="/" if host == "github.com" else "")
        place = f"{_PROVIDERS[host]}/{owner_and_name}"
    else:
        place = f"git/{quote(f'https://{host}/{path}', safe='')}"
    return f"{hub}/v2/{place}/{quote(ref, safe='')}?urlpath={quote(page, safe='')}"


def badges(repository: str) -> str:
    """Markdown for all badges, one a line."""
    return "\n".join(
        f"[![{title} on Binder]({HUB}/badge_logo.svg)]({launch_url(repository, page)})" for title, page in PAGES.items()
    )


def _parts(repository: str) -> tuple[str, str]:
    """Host and path of a repository's address."""
    found = re.fullmatch(r"(?:\w+://)?(?:[^@/]+@)?([^/:]+)(?::\d+)?[:/](.+?)(?:\.git)?/?", repository.strip())
    if found is None:
        raise ValueError(f"{repository!r} is no address of a repository, such as https://host/owner/name")
    return found[1], found[2]


def update(readme: str, repository: str) -> str:
    """The README's text with this repository's badges in place of those it has."""
    pattern = re.compile(r"(?:^\[!\[[^\]]+ on Binder\]\(\S+\)\]\(\S+\)\n)+", re.MULTILINE)
    changed, count = pattern.subn(lambda _: badges(repository) + "\n", readme, count=1)
    if not count:
        raise ValueError("the README has no badges to replace")
    return changed


def main(arguments: list[str]) -> int:
    """Print the badges or put them into the README; the exit code."""
    into_readme = arguments[:1] == ["--update"]
    addresses = arguments[into_readme:]
    if addresses:
        repository = addresses[0]
    else:
        origin = subprocess.run(
            ["git", "remote", "get-url", "origin"], capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        if origin.returncode:
            sys.stderr.write("this clone has no remote `origin`: give the repository's address\n")
            return 2
        repository = origin.stdout
    if into_readme:
        README.write_text(update(README.read_text("utf-8"), repository), "utf-8")
    else:
        sys.stdout.write(badges(repository) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
