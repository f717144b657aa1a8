"""What task code can reach of the machine, by whom the worker runs as, and what it may use of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from julia_fixtures import Bench, runner
from stacks import RunningStack
from taskq_worker.sandbox.sandbox import OWN_USER
from taskq_worker.sandbox.sandboxes import make_sandboxes
from taskq_worker.slots import descendants

from taskq_kernel.client import connect
from taskq_kernel.errors import SettingsError
from taskq_kernel.settings import Settings, load_settings

as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only a worker that runs as root can run tasks as another user"
)

#: All that a process can find out about its environment and its command line, and what its children find.
ALL_OF_THE_ENVIRONMENT = r"""
own = [read("/proc/self/$name") for name in ("environ", "cmdline")]
pointer, words = unsafe_load(cglobal(:environ, Ptr{Cstring})), String[]
while unsafe_load(pointer) != C_NULL
    push!(words, unsafe_string(unsafe_load(pointer)))
    global pointer += sizeof(Ptr)
end
said = [String(copy(x)) for x in own]
join([said; words; read(`env`, String); repr(ENV); repr(ARGS)], '\n')
"""

#: What is refused to a task, and what is not: each line gives a name and a word.
TRIES = r"""
function word(f)
    try
        f()
        return "done"
    catch problem
        said = sprint(showerror, problem)
        return occursin(r"EACCES|EPERM|[Pp]ermission|not permitted", said) ? "refused" : said
    end
end
kill(pid, signal) = ccall(:kill, Cint, (Cint, Cint), pid, signal) == 0 || error(Libc.strerror())
tries = Dict{String,String}()
for path in files
    said = word(() -> open(readline, path))
    # What lies in the stack's folder may not even be seen.
    tries["read $path"] = occursin("No such file", said) ? "refused" : said
end
for pid in pids
    tries["signal $pid"] = word(() -> kill(pid, 0))
    tries["continue $pid"] = word(() -> kill(pid, 18))
    for name in ("environ", "mem", "maps")
        tries["read /proc/$pid/$name"] = word(() -> open(io -> read(io, 1), "/proc/$pid/$name"))
    end
    tries["list /proc/$pid/fd"] = word(() -> readdir("/proc/$pid/fd"))
end
tries
"""


@pytest.fixture(scope="module")
def apart() -> Iterator[Bench]:
    """Two slots as a worker of root has them, with limits that a test can reach."""
    if os.geteuid() != 0:
        pytest.skip("only a worker that runs as root can run tasks as another user")
    os.environ["A_SECRET"] = "canary-of-the-supervisor"
    settings = load_settings(task_open_files=256, task_file_size=1 << 20, task_processes=64)
    made = Bench(runner("julia"), 2, settings)
    try:
        made.start()
        yield made
    finally:
        del os.environ["A_SECRET"]
        made.close()


# -- secrets -----------------------------------------------------------------------------


def test_nothing_of_the_supervisors_environment_is_found_from_a_task(apart: Bench) -> None:
    found = apart.run(ALL_OF_THE_ENVIRONMENT).value

    assert "JULIA_DEPOT_PATH" in found
    assert "canary-of-the-supervisor" not in found
    assert "TASKQ_" not in found


@as_root
def test_a_task_reaches_no_secret_and_no_process_of_the_stack(stack: RunningStack) -> None:
    files = [stack.home / "tasks.db", stack.home / "results.db", stack.home / "stack.json"]
    files += [*(stack.home / "tokens").iterdir(), *(stack.home / "logs").iterdir(), *(stack.home / "run").iterdir()]
    pids = [one["pid"] for one in stack.local.status()["processes"]]
    with connect(stack.url, token=stack.token()) as client:
        answer = client.submit(TRIES, arguments={"files": list(map(str, files)), "pids": pids}).result(timeout=60)

    assert len(answer) == len(files) + 6 * 4
    assert {what: word for what, word in answer.items() if word != "refused"} == {}


@as_root
def test_the_databases_are_closed_to_others_whoever_made_the_data_folder(stack: RunningStack) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in stack.home.glob("*.db*")}

    assert modes
    assert set(modes.values()) == {0o600}


def test_slots_cannot_reach_one_another(apart: Bench) -> None:
    other = apart.slots[1]
    left = apart.begin('write("mine", "x"); pwd()', slot=other).result(60).value

    answer = apart.run(TRIES, arguments={"files": [left, f"{left}/mine"], "pids": [other.pid, os.getpid()]}).value

    assert {what: word for what, word in answer.items() if word != "refused"} == {}


def test_a_task_is_a_nobody_in_no_group_and_cannot_become_another(apart: Bench) -> None:
    lines = apart.run('read("/proc/self/status", String)').value.splitlines()
    about = dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    assert set(about["Uid"].split()) == set(about["Gid"].split())
    assert "0" not in about["Uid"].split()
    assert about["Groups"].split() in ([], [about["Gid"].split()[0]])
    assert int(about["CapEff"], 16) == int(about["CapPrm"], 16) == 0
    assert about["NoNewPrivs"] == "1"


def test_a_home_folder_that_others_may_not_enter_holds_no_more_than_julia(apart: Bench) -> None:
    """The packages are there, and nothing that happens to lie beside them."""
    closed = Path.home()
    if closed.stat().st_mode & 0o001:
        pytest.skip(f"others may enter {closed}")

    # Where Julia is elsewhere, the folder may be seen, and is as closed as it was.
    names = apart.run(f'try readdir("{closed}") catch e; e isa Base.IOError || rethrow(); [] end').value

    assert set(names) <= {".julia", ".local", ".pyenv", ".juliaup"}


# -- working -----------------------------------------------------------------------------


def test_a_task_works_in_its_own_empty_folder_which_is_gone_after_it(apart: Bench) -> None:
    first = apart.run('write("a.txt", "x"); mkpath("b"); chmod("b", 0o000); (pwd(), mktemp()[2] isa IO)').value
    second = apart.run("(pwd(), readdir(), stat(pwd()).mode & 0o777)").value

    assert first[1]
    assert second == [first[0], [], 0o700]


def test_julia_compiles_packages_into_a_place_of_the_slot(apart: Bench) -> None:
    assert apart.run('d = first(DEPOT_PATH); mkpath(joinpath(d, "compiled")); isdir(joinpath(d, "compiled"))').value


def test_what_a_task_leaves_running_is_ended_whatever_it_hides_behind(apart: Bench) -> None:
    """An orphan of a gone Julia, without environment, folder or pipes of ours, is known by its user."""
    script = "cd /; env -i setsid sh -c 'echo $$; exec sleep 1000 >/dev/null 2>&1 </dev/null' &"
    code = "println(readline(open(`sh -c $script`))); ccall(:raise, Cint, (Cint,), 9)"
    ran = apart.run(code, arguments={"script": script})
    pid = int(ran.output("stdout"))

    assert ran.error.name == "ProcessKilled"
    assert not descendants.is_alive(pid)


# -- limits ------------------------------------------------------------------------------


def test_a_task_with_too_many_open_files_is_told_the_limit_and_the_next_one_has_them_again(apart: Bench) -> None:
    error = apart.run('files = [open("/dev/null") for _ in 1:300]').error

    assert "a task may have 256 files open at once (the worker's setting task_open_files)" in error.message
    assert apart.run('length([open("/dev/null") for _ in 1:100])').value == 100


def test_a_task_with_too_many_processes_is_told_the_limit_and_the_next_one_runs(apart: Bench) -> None:
    error = apart.run("for _ in 1:100; run(`sleep 100`, wait = false); end").error

    assert "a task may have 64 processes and threads at once (the worker's setting task_processes)" in error.message
    assert apart.run("read(`echo 1`, String)").value == "1\n"


def test_a_task_that_writes_too_large_a_file_is_told_the_limit(apart: Bench) -> None:
    error = apart.run('write("large", zeros(UInt8, 4 * 2^20)); filesize("large")').error

    assert error.name == "FileSizeLimitExceeded"
    assert "larger than 1 MiB" in error.message
    assert "task_file_size" in error.message


def test_no_core_is_dumped_and_no_limit_can_be_raised(apart: Bench) -> None:
    limits = apart.run('read("/proc/self/limits", String)').value
    raised = apart.run("ccall(:setrlimit, Cint, (Cint, Ptr{UInt64}), 7, fill(UInt64(1024), 2))").value

    assert "Max core file size        0                    0 " in limits
    assert raised == -1


# -- where it cannot be ------------------------------------------------------------------


@as_root
def test_a_julia_that_others_cannot_run_is_run_as_the_worker_with_one_clear_warning(tmp_path: Path) -> None:
    """Unless the settings name a user: then that is an error."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = closed / "julia"
    program.write_text("#!/bin/sh\necho julia version 1.10.0\n")
    program.chmod(0o700)
    command = type("Command", (), {
        "environment": lambda _: {}, "needs": lambda _: [program], "probe": lambda _: [str(program), "--version"],
    })()  # fmt: skip

    sandboxes = make_sandboxes(Settings(), command, tmp_path, 2)

    assert sandboxes.slot(1).user is OWN_USER.user is None
    assert f"others may not read {program}" in sandboxes.note
    with pytest.raises(SettingsError, match=r"cannot run as 'nobody', as task_user says: others may not read"):
        make_sandboxes(Settings(task_user="nobody"), command, tmp_path, 2)


def test_a_task_that_may_not_read_a_file_is_told_as_whom_it_runs(apart: Bench, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.write_text("x")
    closed.chmod(0o600)
    assert apart.run("1").value == 1  # so that no process is being replaced
    pid = apart.slot.pid
    error = apart.run("read(path, String)", arguments={"path": str(closed)}).error
    assert "ermission denied" in error.message
    assert f"tasks run as user {Path(f'/proc/{pid}').stat().st_uid}" in error.message
    assert "task_user" in error.message
    assert apart.slot.pid == pid, "a process is replaced where there is no need"
