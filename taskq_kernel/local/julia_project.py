"""taskq's own Julia project: the packages that task code finds, and juliacall's Julia.

The folder ``julia-project`` in the data folder is an ordinary Julia project. Both kinds of Julia
process use it. ``taskq julia add`` puts packages into it; ``taskq julia install`` puts
PythonCall into it, finds or fetches a Julia that is new enough, and writes down what it
found. A worker's start only reads that: it resolves nothing and fetches nothing.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from taskq_kernel.errors import SetupError
from taskq_kernel.julia_environment import PACKAGE
from taskq_kernel.julia_manifest import (
    JuliaVersion,
    Manifest,
    manifest_file,
    manifest_files,
    packages_of,
    project_file,
    read_toml,
    table_in,
)
from taskq_kernel.local.julia import JuliaInstall
from taskq_kernel.local.processes import write_private
from taskq_kernel.local.programs import OnLine, follow
from taskq_kernel.local.python import run_module, safe_environment

#: Where `install` writes down what it found.
RECORD = "juliacall.json"
#: What `install` asks of Julia; juliacall's own requirement.
OLDEST_JULIA = "1.10.3"

_INSTALL = "run `taskq julia install`"

# Names are arguments of the script, never part of it. An error is told without the stack
# trace of the package manager.
_ADD = """
import Pkg
function spec(argument)
    parts = string.(split(argument, '@'))
    length(parts) == 1 && return Pkg.PackageSpec(name = parts[1])
    return Pkg.PackageSpec(name = parts[1], version = parts[2])
end
try
    Pkg.add(map(spec, ARGS))
    isdefined(Pkg, :precompile) && Pkg.precompile()
catch problem
    print(stderr, "ERROR: ")
    showerror(stderr, problem)
    exit(1)
end
"""


@dataclass(frozen=True)
class Juliacall:
    """A juliacall that is ready to use.

    Attributes
    ----------
    executable, library, bindir : str
        The Julia it loads. With all three it asks nobody.
    julia : str
        That Julia's version.
    package : str
        juliacall's version, to which PythonCall's must be equal.
    """

    executable: str
    library: str
    bindir: str
    julia: str
    package: str


def project_folder(home: Path) -> Path:
    """The project's folder, in a data folder."""
    return home / "julia-project"


def _make_project(home: Path) -> Path:
    """Make the folder. It holds no secrets, and tasks may run as a user of their own."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = project_folder(home)
    folder.mkdir(mode=0o755, exist_ok=True)
    folder.chmod(0o755)
    return folder


def _let_everybody_read(folder: Path) -> None:
    """Whatever the umask: tasks may run as a user of their own."""
    for file in folder.glob("*.toml"):
        file.chmod(0o644)


def project_environment(home: Path) -> dict[str, str]:
    """What makes a Julia process use the project; nothing while there is none."""
    folder = project_folder(home)
    return {"JULIA_PROJECT": str(folder)} if (folder / "Project.toml").is_file() else {}


def manifest(home: Path, julia: JuliaVersion | None = None) -> Manifest | None:
    """The project's manifest: which packages a result was computed with.

    Parameters
    ----------
    home : Path
        The data folder.
    julia : JuliaVersion, optional
        The Julia that takes it. Default: whichever does.
    """
    folder = project_folder(home)
    if project_file(folder) is None:
        return None
    return Manifest.of(next(manifest_files(folder), None) if julia is None else manifest_file(folder, julia))


def manifest_sha256(home: Path, julia: JuliaVersion | None = None) -> str | None:
    """SHA-256 of the project's manifest; None while there is none."""
    found = manifest(home, julia)
    return None if found is None else found.sha256


def packages(home: Path) -> dict[str, str]:
    """Names of the packages in the project, and the version of each as far as it is known."""
    folder = project_folder(home)
    wanted = table_in(read_toml(project_file(folder)), "deps")
    versions = _manifest_versions(folder)
    return {name: versions.get(name, "") for name in sorted(wanted)}


def _manifest_versions(folder: Path) -> dict[str, str]:
    found = packages_of(read_toml(next(manifest_files(folder), None)))
    return {name: entries[0]["version"] for name, entries in found.items() if entries and "version" in entries[0]}


# -- juliacall ------------------------------------------------------------------------------


def read_juliacall(home: Path) -> Juliacall:
    """The juliacall that a worker may start, without asking the network or Julia.

    Raises
    ------
    SetupError
        With what is missing, and the command that mends it.
    """
    package = juliacall_version()
    if package is None:
        raise SetupError("juliacall is not installed: pip install 'taskq-kernel[worker]'")
    try:
        found = Juliacall(**json.loads((project_folder(home) / RECORD).read_text("utf-8")))
    except FileNotFoundError:
        raise SetupError(f"juliacall has no Julia yet: {_INSTALL} (it needs {OLDEST_JULIA} or newer)") from None
    except (OSError, TypeError, ValueError) as error:
        raise SetupError(f"{project_folder(home) / RECORD} cannot be read ({error}): {_INSTALL}") from error
    if found.package != package:
        raise SetupError(f"Julia was set up for juliacall {found.package}, and this is {package}: {_INSTALL}")
    for path in (found.executable, found.library, found.bindir):
        if not Path(path).exists():
            raise SetupError(f"the Julia of juliacall has gone ({path} is not there): {_INSTALL}")
    if _manifest_versions(project_folder(home)).get("PythonCall") != package:
        raise SetupError(f"PythonCall {package} is not in {project_folder(home)}: {_INSTALL}")
    return found


def describe_juliacall(home: Path) -> tuple[bool, str]:
    """Whether juliacall is ready, and a line about it, as ``taskq doctor`` prints it."""
    try:
        found = read_juliacall(home)
    except SetupError as error:
        return False, str(error)
    return True, f"juliacall {found.package} with Julia {found.julia} at {found.executable}"


def juliacall_version() -> str | None:
    """The version of juliacall that is installed; None if there is none."""
    try:
        return importlib.metadata.version("juliacall")
    except importlib.metadata.PackageNotFoundError:
        return None


#: Starts a process of juliacall's kind as a worker would; a `SetupError` if it does not start.
Trial = Callable[[Juliacall, Path, OnLine], None]


def install(home: Path, trial: Trial, on_line: OnLine = lambda _: None, julia: JuliaInstall | None = None) -> Juliacall:
    """Find or fetch Julia for juliacall, put PythonCall into the project, and try it.

    Parameters
    ----------
    home : Path
        The data folder.
    trial : callable
        Called with what was found, the project's folder and `on_line`. Only what it lets
        pass counts as ready.
    on_line : callable, optional
        Called with each line that the programs at work print.
    julia : JuliaInstall, optional
        The Julia to take. Without, or where it is too old, juliapkg finds or fetches one.

    Raises
    ------
    SetupError
        If juliacall is not installed, the network is away, or Julia does not start.
    """
    package = juliacall_version()
    if package is None:
        raise SetupError("juliacall is not installed: pip install 'taskq-kernel[worker]'")
    folder = _make_project(home)
    (folder / RECORD).unlink(missing_ok=True)
    if julia is not None and not _is_new_enough(julia):
        needed = f"juliacall needs {OLDEST_JULIA} or newer"
        on_line(f"{julia.source} is Julia {julia.version}, and {needed}: finding another")
        julia = None
    juliacall = _resolve(folder, package, on_line, julia)
    on_line("starting it as a worker does")
    try:
        trial(juliacall, folder, on_line)
    except SetupError as error:
        raise SetupError(f"juliacall {package} does not start with Julia {juliacall.julia}: {error}") from error
    write_private(folder / RECORD, json.dumps(asdict(juliacall)))
    return juliacall


def _is_new_enough(julia: JuliaInstall) -> bool:
    numbers = re.findall(r"\d+", julia.version)[:3]
    return [int(number) for number in numbers] >= [int(number) for number in OLDEST_JULIA.split(".")]


def _resolve(folder: Path, package: str, on_line: OnLine, julia: JuliaInstall | None) -> Juliacall:
    """Let juliapkg find or fetch Julia, and put PythonCall into the project."""
    found = folder / f"{RECORD}.found"
    own = {"PYTHON_JULIAPKG_PROJECT": str(folder.resolve()), "PYTHONUNBUFFERED": "1"}
    environment = safe_environment(os.environ) | own
    if julia is not None:
        environment["PYTHON_JULIAPKG_EXE"] = str(julia.path)
    follow(
        run_module("taskq_kernel.local.julia_resolve", str(found)),
        environment, on_line, f"Julia {OLDEST_JULIA} or newer could not be set up",
        "connect this machine, or put such a Julia on PATH and its packages in its depot, and repeat",
    )  # fmt: skip
    answer = json.loads(found.read_text("utf-8"))
    found.unlink()
    _let_everybody_read(folder)
    return Juliacall(package=package, **answer)


def juliacall_environment(juliacall: Juliacall, folder: Path) -> dict[str, str]:
    """What juliacall has to find in its environment before it is imported.

    Without ``HANDLE_SIGNALS`` a stack overflow in Julia ends the process; with the
    executable and the project named, nothing is resolved or fetched.
    """
    return {
        "PYTHON_JULIACALL_HANDLE_SIGNALS": "yes",
        "PYTHON_JULIACALL_EXE": juliacall.executable,
        "PYTHON_JULIACALL_PROJECT": str(folder),
        "PYTHON_JULIACALL_LIB": juliacall.library,
        "PYTHON_JULIACALL_BINDIR": juliacall.bindir,
        "PYTHON_JULIACALL_STARTUP_FILE": "no",
        "PYTHON_JULIACALL_AUTOLOAD_IPYTHON_EXTENSION": "no",
    }


# -- packages --------------------------------------------------------------------------------


def add(home: Path, names: Sequence[str], julia: str, on_line: OnLine = lambda _: None) -> dict[str, str]:
    """Put packages into the project.

    Parameters
    ----------
    home : Path
        The data folder.
    names : sequence of str
        ``Name`` or ``Name@version``.
    julia : str
        The julia executable that does it.
    on_line : callable, optional
        Called with each line that Julia prints.

    Returns
    -------
    dict
        The packages in the project now, as `packages` gives them.

    Raises
    ------
    SetupError
        If a name cannot be one, or Julia's package manager failed.
    """
    for name in names:
        if not PACKAGE.fullmatch(name):
            raise SetupError(f"{name!r} is no name of a Julia package: write Name or Name@1.2")
    folder = _make_project(home)
    follow(
        [julia, "--startup-file=no", f"--project={folder}", "-e", _ADD, *names],
        dict(os.environ), on_line, f"Julia could not add {', '.join(names)}",
        "connect this machine, and repeat",
    )  # fmt: skip
    _let_everybody_read(folder)
    return packages(home)
