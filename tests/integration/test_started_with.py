"""Julia itself finds the threads, the variables and the memory that a task has asked for."""

from __future__ import annotations

import os

from julia_fixtures import Bench, bench

__all__ = ["bench"]

#: BLAS's own word; Julia could not be asked before 1.6.
SEEN = """
using LinearAlgebra
blas = isdefined(BLAS, :get_num_threads) ? BLAS.get_num_threads() :
    ccall((BLAS.@blasfunc(openblas_get_num_threads), Base.libblas_name), Cint, ())
hint = hasfield(Base.JLOptions, :heap_size_hint) ? Int(Base.JLOptions().heap_size_hint) : nothing
pools = isdefined(Threads, :nthreadpools) ? Threads.nthreads(:interactive) : 0
(threads = Threads.nthreads(), interactive = pools, blas = blas, hint = hint, a = get(ENV, "A", nothing))
"""


def test_julia_and_its_linear_algebra_have_as_many_threads_as_the_task_asks_for(bench: Bench) -> None:
    plain = bench.run(SEEN).value
    assert (plain["threads"], plain["interactive"], plain["blas"], plain["a"]) == (1, 0, 1, None)
    assert plain["hint"] in (None, 4 << 30), "the limit of tasks that have none of their own"

    # Julia 1.5 has no more threads than the machine has cores.
    threads = min(2, os.cpu_count() or 1)
    asked = bench.run(SEEN, threads=threads, variables=(("A", "b c"),), memory_limit_bytes=3 << 30).value
    assert (asked["threads"], asked["interactive"], asked["blas"]) == (threads, 0, threads)
    assert asked["a"] == "b c"
    assert asked["hint"] in (None, 3 << 30)

    again = bench.run(SEEN, variables=(("OPENBLAS_NUM_THREADS", f"{threads}"),)).value
    assert (again["threads"], again["blas"], again["a"]) == (1, threads, None)
