"""Make the Jupyter server's own Voilà show the dashboard as `taskq dashboard` does.

The badge opens the dashboard by way of the Jupyter server. Run once by postBuild.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import taskq_widgets.dashboard

DASHBOARD = Path(taskq_widgets.dashboard.__file__).parent


def main(prefix: Path) -> None:
    """Write Voilà's template and both configurations into a Python environment."""
    template = Path("voila/templates/taskq")
    shutil.copytree(DASHBOARD / template, prefix / "share/jupyter" / template, dirs_exist_ok=True)
    settings = json.loads((DASHBOARD / "voila.json").read_text("utf-8"))
    voila = settings["VoilaConfiguration"] | {"resources": {"taskq_theme": "auto"}}
    etc = prefix / "etc" / "jupyter"
    etc.mkdir(parents=True, exist_ok=True)
    (etc / "voila.json").write_text(json.dumps({"VoilaConfiguration": voila}), "utf-8")
    # A page that was left leaves its kernel behind, and memory is short: unconnected kernels go.
    server = {"MappingKernelManager": settings["MappingKernelManager"]}
    (etc / "jupyter_server_config.json").write_text(json.dumps(server), "utf-8")


if __name__ == "__main__":
    main(Path(sys.prefix))
