"""Files go with a task and come back from it, whichever way it ends, byte for byte."""

from __future__ import annotations

import json
from hashlib import file_digest, sha256
from pathlib import Path

import psutil
import pytest
from stacks import RunningStack

from taskq_kernel import TaskFailed
from taskq_kernel.cli import main
from taskq_kernel.client import connecting
from taskq_kernel.client.client import Client
from taskq_kernel.errors import InvalidTask, NotFound
from taskq_kernel.magic import julia

#: Reads what it was given, writes files, and puts links where they lead out of its folder.
CODE = """
mesh = read("data/mesh.vtk", String)
mkpath("figures/deep")
write("a.csv", "n,m\\n1,", mesh, "\\n"); write("figures/deep/é x.png", UInt8[0x89, 0x00, 0xff]); write("not.txt", "no")
symlink("/etc/shadow", "shadow.csv"); symlink("/etc", "figures/etc")
open(io -> truncate(io, 10^6), "zeros.csv", "w")
write("mine", read("data/mesh.vtk")); open(io -> write(io, "more"), "mine", "a")
"""


def test_inputs_are_there_and_outputs_come_back_and_nothing_else(q: Client, tmp_path: Path) -> None:
    (tmp_path / "mesh").write_bytes(b"mesh")
    task = q.submit(
        CODE + "mesh", files={"data/mesh.vtk": tmp_path / "mesh", "same.csv": b"mesh"}, outputs=["*.csv", "figures/"],
    )
    assert task.result(60) == "mesh"
    files = task.files
    assert {name: file.size for name, file in files.items()} == {
        "a.csv": 11, "figures/deep/é x.png": 3, "zeros.csv": 1_000_000,
    }
    assert files["a.csv"].read_text() == "n,m\n1,mesh\n"
    assert files["figures/deep/é x.png"].type == "image/png"
    assert files["zeros.csv"].sha256 == sha256(bytes(10**6)).hexdigest()
    saved = task.files.save(tmp_path / "here")
    assert [path.relative_to(tmp_path / "here").as_posix() for path in saved] == list(files)
    assert (tmp_path / "here/figures/deep/é x.png").read_bytes() == b"\x89\0\xff"
    assert task.files.match("*.csv")["zeros.csv"].save(tmp_path / "z").read_bytes() == bytes(10**6)
    log = str(task.logs())
    assert "not kept: shadow.csv: it is a link" in log
    assert "not kept: figures/etc: it is a link" in log
    assert (task.outputs, task.input_files) == (["*.csv", "figures/"], {"data/mesh.vtk": 4, "same.csv": 4})
    again = task.retry()
    assert again.result(60) == "mesh"
    assert {name: file.sha256 for name, file in again.files.items()} == {n: f.sha256 for n, f in files.items()}


def test_files_of_tasks_that_fail_are_kept_and_a_later_attempts_take_their_places(
    q: Client, effects: Path
) -> None:
    marker = effects / "marker"
    code = f"""
        first = !isfile({str(marker)!r})
        first && write({str(marker)!r}, "")
        write(first ? "first.log" : "second.log", "so far")
        MODE
    """.replace("'", '"')
    for mode, timeout in (('error("no")', None), ("exit(3)", None), ("sleep(600)", 3.0)):
        marker.unlink(missing_ok=True)
        task = q.submit(code.replace("MODE", f"first ? {mode} : 1"), outputs="*.log", timeout=timeout)
        with pytest.raises(TaskFailed):
            task.result(60)
        assert task.files["first.log"].read_bytes() == b"so far"
        task.retry()
        assert task.result(60) == 1
        assert {name: file.attempt for name, file in task.files.items()} == {"second.log": 2}


def test_a_point_of_a_sweep_and_a_cached_task_have_their_files(q: Client) -> None:
    f = q.define("""
        line(n) = (write("$n.txt", read("given.txt", String), string(n)); n)
    """)
    options = {"files": {"given.txt": b"given "}, "outputs": ["*.txt"]}
    sweep = f.map([1, 2], options=options, name="files of points").wait(60, progress=False)
    assert sweep.results() == [1, 2]
    assert [task.files[f"{n}.txt"].read_text() for n, task in enumerate(sweep, 1)] == ["given 1", "given 2"]
    first = f.submit((7,), cache=True, **options)
    assert first.result(60) == 7
    hit = f.submit((7,), cache=True, **options)
    assert hit.result(60) == 7
    assert hit.cached_from == first.number
    first.delete()
    assert hit.files["7.txt"].read_text() == "given 7"
    others = {"files": {"given.txt": b"other "}, "outputs": ["*.txt"]}
    miss = f.submit((7,), cache=True, **others)
    assert miss.result(60) == 7
    assert (miss.cached_from, miss.files["7.txt"].read_text()) == (None, "other 7")


def test_the_command_line_gives_lists_and_fetches(
    stack: RunningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    for name, value in stack.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    Path("mesh.vtk").write_bytes(b"mesh")
    Path("code.jl").write_text('mkdir("f"); write("f/a.csv", read("mesh.vtk")); cp("other", "b.txt"); 7')

    def taskq(*arguments: str) -> bytes:
        code = main(list(arguments))
        said = capfdbinary.readouterr()
        assert code == 0, said
        return said.out

    submitted = taskq(
        "submit", "code.jl", "--json", "--wait", "--file", "mesh.vtk", "--file", "other=code.jl", "--output", "f/",
        "--output", "*.txt",
    )
    number = str(json.loads(submitted)["number"])
    assert [line.split() for line in taskq("files", number).decode().splitlines()] == [
        [str(Path("code.jl").stat().st_size), "bytes", "text/plain", "b.txt"], ["4", "bytes", "text/csv", "f/a.csv"],
    ]
    assert json.loads(taskq("files", number, "--json"))[1]["sha256"] == sha256(b"mesh").hexdigest()
    assert taskq("fetch", number, "f/*", "--to", "-") == b"mesh"
    assert taskq("fetch", number, "f/*", "*.csv", "--to", "here").decode().split() == ["here/f/a.csv"]
    assert Path("here/f/a.csv").read_bytes() == b"mesh"
    taskq("fetch", number)
    assert Path("b.txt").read_bytes() == Path("code.jl").read_bytes()
    assert main(["fetch", number, "*.png"]) == 1
    for wrong, says in (("--output=../x", b"--output has '../x'"), ("--file=x=none", b"--file has none as 'x'")):
        assert main(["submit", "code.jl", wrong]) == 2
        assert says in capfdbinary.readouterr().err


def test_a_cell_gives_and_keeps_files(q: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_default", q)
    (tmp_path / "mesh").write_bytes(b"mesh")
    task = julia(f"--file {tmp_path / 'mesh'} --output *.csv", 'write("x.csv", read("mesh"))')
    assert task.result(60) == 4
    assert task.files["x.csv"].read_bytes() == b"mesh"
    with pytest.raises(InvalidTask, match="^--output has '/x'"):
        julia("--output /x", "1")


def test_files_go_with_their_task_and_what_leads_elsewhere_is_refused(q: Client, stack: RunningStack) -> None:
    task = q.submit('write("only once.txt", "of this task alone")', outputs=["*.txt"])
    task.result(60)
    file = task.files["only once.txt"]
    assert file.read_text() == "of this task alone"
    task.delete()
    with pytest.raises(NotFound, match="no task has the id"):
        list(task.files)
    with pytest.raises(InvalidTask, match="outputs has '../x'"):
        q.submit("1", outputs=["../x"])
    with pytest.raises(InvalidTask, match="files has the folder"):
        q.submit("1", files={"x": stack.home})
    with pytest.raises(InvalidTask, match=r"files has the name '\.\./x'"):
        q.submit("1", files={"../x": b""})


def test_a_hundred_megabytes_come_back_byte_for_byte_and_neither_worker_nor_service_holds_them(
    q: Client, stack: RunningStack, tmp_path: Path
) -> None:
    processes = {
        one["role"]: psutil.Process(one["pid"]) for one in stack.local.status()["processes"]
        if one["role"] in ("service", "worker")
    }
    before = {role: most_memory(process, anew=True) for role, process in processes.items()}
    task = q.submit(
        'using SHA\nwrite("big.bin", rand(UInt8, 10^8))\nbytes2hex(open(sha256, "big.bin"))', outputs=["*.bin"]
    )
    digest = task.result(120)
    saved = task.files["big.bin"].save(tmp_path / "big.bin")
    with saved.open("rb") as file:
        assert file_digest(file, "sha256").hexdigest() == digest
    grown = {role: most_memory(process) - before[role] for role, process in processes.items()}
    assert max(grown.values()) < 50 << 20, grown


def most_memory(process: psutil.Process, *, anew: bool = False) -> int:
    """The most resident memory that a process has had, in bytes, since this was asked for anew."""
    if anew:
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
