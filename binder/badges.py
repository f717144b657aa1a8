"""The README's Binder badges for a repository: the quick start, and the dashboard.

    python binder/badges.py                           # print them for the remote `origin` of this clone
    python binder/badges.py REPOSITORY-URL            # or for another repository
    python binder/badges.py --update [REPOSITORY-URL] # put them into the README

A badge's address names the repository, so every fork has its own, and the README has none
before it is told one.
"""

from __future__ import annotations

import argparse
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
    """Host and path of a repository's address.

    Raises
    ------
    ValueError
        If it is none, or one that a BinderHub cannot fetch from.
    """
    address = repository.strip()
    found = re.fullmatch(
        r"(?:(?:https?|ssh|git)://)?(?:[^@/\s]+@)?([\w-]+(?:\.[\w-]+)+)(?::\d+)?[:/]([^\s?#]+?)(?:\.git)?/?", address
    )
    if found is None or (found[1] in _PROVIDERS and "/" not in found[2].strip("/")):
        shown = re.sub(r"//[^@/]*@", "//...@", address)  # without a password
        raise ValueError(
            f"{shown!r} is no address that Binder can fetch a repository from: give one such as "
            "https://github.com/owner/name"
        )
    return found[1], found[2].strip("/")


def update(readme: str, repository: str) -> str:
    """The README's text with this repository's badges, below its title, in place of those it has."""
    made = badges(repository)
    bare = re.sub(r"(?:^\[!\[[^\]]+ on Binder\]\(\S+\)\]\(\S+\)\n)+\n?", "", readme, flags=re.MULTILINE)
    title, below, rest = bare.partition("\n\n")
    if not title.startswith("# ") or not below:
        raise ValueError("the README does not begin with a title, below which the badges would stand")
    return f"{title}\n\n{made}\n\n{rest}"


def origin() -> str:
    """The address of this clone's remote `origin`.

    Raises
    ------
    ValueError
        If there is none.
    """
    try:
        asked = subprocess.run(
            ["git", "remote", "get-url", "origin"], capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except OSError as error:
        raise ValueError(f"git does not run ({error.strerror}): give the repository's address") from error
    if asked.returncode:
        raise ValueError("this clone has no remote `origin`: give the repository's address")
    return asked.stdout


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="badges.py", description="The README's Binder badges for a repository.")
    parser.add_argument("repository", nargs="?", help="its address; default: the remote `origin` of this clone")
    parser.add_argument("--update", action="store_true", help="put them into the README instead of printing them")
    return parser


def main(arguments: list[str]) -> int:
    """Print the badges or put them into the README; the exit code."""
    given = _arguments().parse_args(arguments)
    try:
        repository = given.repository or origin()
        if given.update:
            README.write_text(update(README.read_text("utf-8"), repository), "utf-8")
        else:
            sys.stdout.write(badges(repository) + "\n")
    except (ValueError, OSError) as error:
        sys.stderr.write(f"badges.py: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
