"""The kernel's entry among those that Jupyter knows."""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from taskq_kernel.errors import SetupError

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpecManager

#: Its name in `jupyter kernelspec list`, and in the metadata of notebooks.
NAME = "julia-taskq"
DISPLAY_NAME = "Julia (taskq)"


def content(display_name: str = DISPLAY_NAME, session: str = "", python: str = sys.executable) -> dict[str, object]:
    """What stands in its ``kernel.json``.

    Parameters
    ----------
    display_name : str
        What people call it.
    session : str
        What its sessions are asked for, as behind ``%session``.
    python : str
        The Python that has taskq.
    """
    asked = [f"--TaskqKernel.session_options={session}"] if session else []
    return {
        "argv": [python, "-m", "taskq_kernel.jupyter", "-f", "{connection_file}", *asked],
        "display_name": display_name,
        "language": "julia",
        "interrupt_mode": "signal",
        "metadata": {"debugger": False},
    }


def install(
    *, user: bool, prefix: str | None, name: str = NAME, display_name: str = DISPLAY_NAME, session: str = ""
) -> Path:
    """Tell Jupyter of the kernel; return the folder of its entry.

    Parameters
    ----------
    user : bool
        Whether for this user; else below ``prefix``.
    name, display_name : str
        What Jupyter and people call it.
    session : str
        What its sessions are asked for, as behind ``%session``.

    Raises
    ------
    SetupError
        If ipykernel is not installed, or the folder cannot be written.
    """
    manager = _manager()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kernel.json").write_text(json.dumps(content(display_name, session), indent=1), "utf-8")
        try:
            made = manager.install_kernel_spec(folder, name, user=user, prefix=prefix)
        except ValueError as error:  # of its name
            raise SetupError(f"the kernel cannot be installed: {error}") from error
        except OSError as error:
            raise SetupError(
                f"the kernel cannot be installed: {error}; try --user, or --prefix with a folder of your own"
            ) from error
    return Path(made)


def uninstall(*, prefix: str | None, name: str = NAME) -> Path | None:
    """Have Jupyter forget the kernel; the folder that its entry had, or None if there was none.

    Raises
    ------
    SetupError
        If ipykernel is not installed, or the folder cannot be removed.
    """
    manager = _manager()
    if prefix is not None:
        manager.kernel_dirs = [str(Path(prefix, "share", "jupyter", "kernels"))]
    try:
        return Path(manager.remove_kernel_spec(name))
    except KeyError:  # NoSuchKernel is one, too
        return None
    except OSError as error:
        raise SetupError(f"the kernel cannot be removed: {error}") from error


def _manager() -> KernelSpecManager:
    if find_spec("ipykernel") is None:
        raise SetupError("the kernel needs ipykernel; install it with: pip install 'taskq-kernel[lab]'")
    # late: it is not there in every installation
    from jupyter_client.kernelspec import KernelSpecManager

    return KernelSpecManager()
