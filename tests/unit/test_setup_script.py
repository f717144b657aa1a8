"""What can be said of ``scripts/setup`` without changing this machine."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = [ROOT / "scripts" / "setup", ROOT / ".ci" / "run", *sorted((ROOT / "scripts").glob("*.sh"))]
PROGRAMS = [script for script in SCRIPTS if script.name not in ("python.sh", "julia.sh")]


def set_up(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / "setup", *options],
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def needs_own_environment() -> None:
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("these tests run in an environment that scripts/setup did not make")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_is_valid_bash(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    assert os.access(script, os.X_OK) == (script in PROGRAMS)


def test_shellcheck_finds_nothing() -> None:
    shellcheck = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    subprocess.run([shellcheck, "-x", *map(str, PROGRAMS)], cwd=ROOT, check=True)


def test_a_second_run_is_silent_and_quick() -> None:
    needs_own_environment()
    assert set_up().returncode == 0
    before = os.times()
    again = set_up()
    after = os.times()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    # Its own work, not what else the machine does meanwhile.
    assert after.children_user + after.children_system - before.children_user - before.children_system < 2


def test_the_launchers_files_are_copied_where_jupyter_finds_them() -> None:
    needs_own_environment()
    source = ROOT / "widgets" / "taskq_widgets" / "launcher" / "labextensions" / "taskq-launcher"
    place = ROOT / ".venv" / "share" / "jupyter" / "labextensions" / "taskq-launcher"
    assert set_up().returncode == 0
    # Voila serves nothing behind a link.
    assert not any(path.is_symlink() for path in (place, *place.rglob("*")))
    (place / "package.json").unlink()
    assert set_up().returncode == 0
    files = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    assert len(files) >= 3
    assert [(place / file).read_bytes() for file in files] == [(source / file).read_bytes() for file in files]


def test_uv_is_told_where_pip_takes_packages_from() -> None:
    spec = importlib.util.spec_from_file_location("uv_install", ROOT / "scripts" / "uv-install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # As `pip config list` prints them: variables first, then files.
    listed = "\n".join([
        ":env:.index-url='https://lab.example/simple'", ":env:.timeout='60'",
        "global.cert='/etc/lab.pem'", "global.extra-index-url='\\nfile:///a\\nfile:///b'",
        "global.find-links='/c /d'", "global.index-url='https://other.example/simple'",
        "install.constraint='/e.txt'", "global.constraint='/f.txt'",
    ])  # fmt: skip
    assert module.environment(listed) == {
        "UV_DEFAULT_INDEX": "https://lab.example/simple", "UV_INDEX": "file:///a file:///b",
        "UV_FIND_LINKS": "/c,/d", "UV_CONSTRAINT": "/e.txt", "SSL_CERT_FILE": "/etc/lab.pem",
        "UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true",
    }  # fmt: skip


@pytest.mark.parametrize(("uv", "by"), [("exit 0", ""), ("echo no; exit 1", "pip nobody\n"), (None, "pip nobody\n")])
def test_what_uv_does_not_install_pip_does(tmp_path: Path, uv: str | None, by: str) -> None:
    # Stand-ins for uv, which has to fail, and for pip, which says what it is asked for.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "pyvenv.cfg").write_text(Path(sys.prefix, "pyvenv.cfg").read_text())
    (tmp_path / "lib").symlink_to(Path(sys.prefix, "lib"))
    if uv is not None:
        (tmp_path / "bin" / "uv").write_text(f"#!/bin/sh\n{uv}\n")
        (tmp_path / "bin" / "uv").chmod(0o755)
    script = """
        venv=$1 log=$1/log
        source scripts/python.sh
        pip() { if [[ $* == *' uv' ]]; then return 1; fi; echo "pip $*"; echo "pip $*" >&3; }
        exec 9</dev/null
        pip_install nobody 3>&1
    """
    done = subprocess.run(
        ["bash", "-ceu", script, "bash", tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, by, "")


def test_a_julia_that_is_asked_for_and_cannot_be_used_is_one_clear_line() -> None:
    needs_own_environment()
    answer = set_up(TASKQ_JULIA="/nowhere/julia")
    assert answer.returncode == 1
    assert answer.stderr == "set-up: no Julia: TASKQ_JULIA is '/nowhere/julia': not there\n"


def test_an_unknown_option_changes_nothing() -> None:
    answer = set_up("--tset")
    assert (answer.returncode, answer.stderr) == (
        2,
        "set-up: there is no option '--tset'; see scripts/setup --help\n",
    )


def test_help_tells_what_it_does() -> None:
    answer = set_up("--help")
    assert answer.returncode == 0
    assert answer.stdout.startswith("Get everything that taskq needs")
    assert "TASKQ_DEBIAN_MIRROR" in answer.stdout


def test_without_a_debian_mirror_the_way_out_is_named(tmp_path: Path) -> None:
    # A mirror of which nothing can be fetched, on the machine's own address.
    answer = subprocess.run(
        [ROOT / "scripts" / "debian-julia.sh", tmp_path / "julia"],
        env=os.environ | {"TASKQ_DEBIAN_MIRROR": "http://127.0.0.1:9/debian"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    if "there is no apt-get here" in answer.stderr:
        pytest.skip("this machine has no apt")
    assert answer.returncode == 1
    assert "cannot be fetched from http://127.0.0.1:9/debian; set TASKQ_DEBIAN_MIRROR" in answer.stderr
    assert list(tmp_path.iterdir()) == []
