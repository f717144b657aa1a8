"""``jupyter-repo2docker``, on machines that cannot reach Julia's list of releases too.

repo2docker asks that list which release ``[compat] julia`` means. Where it cannot be had,
a few of its entries stand in; everything else is repo2docker's own.
"""

from __future__ import annotations

import sys

from repo2docker.__main__ import main
from repo2docker.buildpacks.julia import JuliaProjectTomlBuildPack

#: In order, as repo2docker has them.
SOME_RELEASES = ["1.6.7", "1.9.4", "1.10.0", "1.10.3", "1.10.4", "1.11.1"]

_listed = JuliaProjectTomlBuildPack.all_julias


def releases(pack: JuliaProjectTomlBuildPack) -> list[str]:
    """The list, or the entries that stand in for it."""
    try:
        found: list[str] = _listed.fget(pack)
    except RuntimeError:
        return SOME_RELEASES
    return found


if __name__ == "__main__":
    JuliaProjectTomlBuildPack.all_julias = property(releases)
    sys.exit(main())
