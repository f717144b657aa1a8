"""A task as a Julia script that prints its value, and as a folder with its project; taskq is not needed.

The script does what a worker does: it seeds Julia's generators as late as can be, gives the code `progress` and
`report`, which do nothing here, and evaluates it in a module of its own as in the REPL, where a loop may assign to
the variables around it. So the task's code stands in the script as it was, below a line that says so.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from taskq_kernel.errors import InvalidTask
from taskq_kernel.export.julia_literals import Large, array, literal, name, no_large, text
from taskq_kernel.export.packages import installing, project_files
from taskq_kernel.export.source import Exported

#: The script in a folder.
SCRIPT = "run_task.jl"
#: Where values among the arguments lie there.
VALUES = "task_values"
#: Above this an array is a file of its own, in bytes.
INLINE_BYTES = 64 * 1024
_MARK = "# ---- the task's code ----"

_SETUP = '''\
import Dates, InteractiveUtils, LinearAlgebra, Random

"Seed Julia's generators, and C's, as a worker does before a task's code begins."
function seed_task(seed)
    Libc.srand(seed % UInt32)
    Random.seed!(seed)
    isdefined(Random, :THREAD_RNGs) || return nothing  # up to Julia 1.6 each thread has a generator of its own
    for thread in 1:Threads.nthreads()
        thread == Threads.threadid() && continue
        Random.seed!(Random.default_rng(thread), UInt32[seed & 0xffffffff, seed >> 32, thread])
    end
    return nothing
end
'''

#: What a worker gives to a task's code beside Base: here it does nothing.
_HELPERS = '''\
progress(fraction::Real, message = "") = nothing
report(step = nothing; series...) = nothing
'''

_EVALUATE = '''\
const HOME = {home}
HOME === Main || Core.eval(HOME, :(eval(x) = Core.eval($HOME, x); include(path) = Base.include($HOME, path)))
Core.eval(HOME, :(using InteractiveUtils; using Main.Helpers))

# Statement by statement, and with the REPL's rules: a loop may assign to the variables around it.
const AS_IT_IS = (:meta, :import, :using, :export, :public, :module, :toplevel, :error, :incomplete, :thunk)
function evaluate(code, line)
    value, here = nothing, LineNumberNode(line, Symbol(@__FILE__))
    parsed = Base.parse_input_line(string("\\n"^(line - 1), code); filename = @__FILE__)
    for statement in (parsed isa Expr && parsed.head === :toplevel ? parsed.args : Any[parsed])
        if statement isa LineNumberNode
            here = statement
        else
            plain = !(statement isa Expr) || statement.head in AS_IT_IS ||
                (statement.head === :global && all(part -> part isa Symbol, statement.args))
            scoped = plain ? statement : Expr(:block, here, Expr(:softscope, true), statement)
            value = Core.eval(HOME, Expr(:toplevel, here, scoped))
        end
    end
    return value
end

# The code stands below this line, where Julia does not get by itself.
const MARK = "# ---- the task's code" * " ----\\n"
const ABOVE, CODE = split(read(@__FILE__, String), MARK; limit = 2)
const LINE = count(isequal('\\n'), ABOVE) + 2
'''

_RUN_SCRIPT = '''\
seed_task({seed})
value = evaluate(CODE, LINE)
if isdefined(HOME, :main) && isdefined(HOME, Symbol("#__main_is_entrypoint__#"))  # @main, from 1.11 on
    value = Base.invokelatest(Base.invokelatest(getfield, HOME, :main), String[])
end
'''

_RUN_CALL = '''\
seed_task({definition_seed})  # what the definition itself draws
last_value = evaluate(CODE, LINE)
f = {entry}
seed_task({seed})
value = Base.invokelatest({call})
'''

#: The function that a definition means where none was named: what it ends with, or else the last that it defines.
_ENTRY = '''last_value isa Function ? last_value : Base.invokelatest(getfield, HOME, last_function(CODE))'''
_LAST_FUNCTION = '''\
"The name of the last function that code defines at top level."
function last_function(code)
    names = Symbol[]
    for statement in Base.parse_input_line(String(code)).args
        named = function_name(statement)
        named === nothing || push!(names, named)
    end
    return last(names)
end

function function_name(ex)
    ex isa Expr || return nothing
    ex.head in (:macrocall, :const, :global) && return function_name(ex.args[end])
    ex.head in (:function, :(=)) || return nothing
    head, body = ex.args[1], ex.args[end]
    if ex.head === :(=) && head isa Symbol
        return body isa Expr && body.head in (:->, :function) ? head : nothing
    end
    while head isa Expr
        head = head.args[1]
    end
    return head isa Symbol ? head : nothing
end
'''

_SHOW = '''\
Base.invokelatest(show, stdout, MIME("text/plain"), value)
println()
exit()
'''


def setup(task: Exported) -> str:
    """What makes ready: packages, how generators are seeded, threads, environment variables."""
    statements = ["import Pkg", "Pkg.activate(@__DIR__)", installing(task)] if task.project else []
    packages = f"{'; '.join(filter(None, statements))}\n" if statements else ""
    return f"{packages}{_SETUP}\n{_threads(task)}{_variables(task)}"


def helpers(*, module: bool) -> str:
    """The helper functions that a worker gives to code, doing nothing; in a module of their own, or not."""
    return f"module Helpers\nexport progress, report\n{_HELPERS}end\n" if module else _HELPERS


def large_values(task: Exported, kept: dict[str, bytes]) -> Large:
    """Writes values that are kept apart; large arrays go into ``kept`` as files."""
    return lambda about: _large(task, about, kept)


def script(task: Exported) -> str:
    """The task as one file, which ``julia`` runs with nothing else.

    Raises
    ------
    InvalidTask
        If it needs other files: then `folder` has them.
    """
    if task.project or task.inputs:
        what = "a project" if task.project else "files"
        raise InvalidTask(f"task {task.row['number']} has {what} at hand: export it into a folder, not one file")
    return _written(task, no_large)


def folder(task: Exported) -> dict[str, bytes]:
    """The task as a folder: a script, and what `beside` has; by their paths."""
    kept: dict[str, bytes] = {}
    written = _written(task, large_values(task, kept))
    files = beside(task, kept)
    if SCRIPT in files:
        raise InvalidTask(f"its project has a file {SCRIPT} of its own: export it as a notebook")
    return {**files, SCRIPT: written.encode()}


def beside(task: Exported, kept: Mapping[str, bytes]) -> dict[str, bytes]:
    """What lies beside a script or a notebook: its project, the files that it was given, and values that are kept."""
    values = {f"{VALUES}/{file}": content for file, content in kept.items()}
    return {**project_files(task), **task.inputs, **values}


def _written(task: Exported, large: Large) -> str:
    parts = [
        _head(task), _SETUP, helpers(module=True), _threads(task), _variables(task), _evaluating(task),
        _arguments(task, large),
    ]
    seed = "rand(Random.RandomDevice(), 0:2^53-1)" if task.seed is None else str(task.seed)
    if not task.is_call:
        run = _RUN_SCRIPT.format(seed=seed)
    else:
        entry = task.row.get("entry")
        f = f"Base.invokelatest(getfield, HOME, Symbol({text(entry)}))" if entry else _ENTRY
        run = ("" if entry else f"{_LAST_FUNCTION}\n") + _RUN_CALL.format(
            definition_seed=task.definition_seed, entry=f, seed=seed, call=_call(task, large)
        )
    return "\n".join(filter(None, [*parts, run, _SHOW])) + f"\n{_MARK}\n{task.row['code']}\n"


def _head(task: Exported) -> str:
    """What the script is, and how the value came about, as comments."""
    start, file = ("julia --project=. ", SCRIPT) if task.project else ("julia ", "<this file>")
    threads = task.around.get("threads") or 1
    start += f"--threads={threads} " if threads > 1 else ""
    lines = [
        f"# {_one_line(task.row['name'])}", "#",
        f"# Prints the value of task {task.row['number']}, without taskq:  {start}{file}",
    ]
    if packages := installing(task):
        lines.append(f"# Its packages, once:  julia --project=. -e 'using Pkg; {packages}'")
    if task.seed is None:
        lines.append("# It is of a time before seeds were kept: what it draws is drawn anew.")
    lines += ["#", *(f"# {fact.label}: {_one_line(str(fact))}" for fact in task.facts)]
    return "\n".join(lines) + "\n"


def _one_line(said: str) -> str:
    return " ".join(said.split())


def _threads(task: Exported) -> str:
    """Threads as the task had them: of linear algebra they can be set, of Julia only be looked at."""
    algebra = task.row.get("threads") or 1
    lines = [f"LinearAlgebra.BLAS.set_num_threads({algebra})"]
    if (threads := task.around.get("threads") or task.row.get("threads") or 1) > 1:
        lines.append(
            f'Threads.nthreads() == {threads} || @warn "the task had {threads} threads: start julia with '
            f'--threads={threads}"'
        )
    return "\n".join(lines) + "\n"


def _variables(task: Exported) -> str:
    return "".join(f"ENV[{text(key)}] = {text(value)}\n" for key, value in (task.row.get("env") or {}).items())


def _evaluating(task: Exported) -> str:
    # Distributed sends what stands in Main, and so a worker evaluates there what uses it.
    home = "Main" if "Distributed" in task.row["code"] else "Module(:task)"
    there = "cd(@__DIR__)\n" if task.project or task.inputs else ""
    return there + _EVALUATE.replace("{home}", home)


def _arguments(task: Exported, large: Large) -> str:
    if task.is_call:
        return ""
    given = (task.row.get("arguments") or {}).items()
    return "".join(f"Core.eval(HOME, :({name(key)} = $(QuoteNode({literal(value, large)}))))\n" for key, value in given)


def _call(task: Exported, large: Large) -> str:
    places, named = task.called()
    positional = ", ".join(["f", *(literal(value, large) for value in places)])
    keywords = ", ".join(f"{name(key)} = {literal(value, large)}" for key, value in named.items())
    return f"{positional}; {keywords}" if keywords else positional


def _large(task: Exported, about: Mapping[str, Any], kept: dict[str, bytes]) -> str:
    """What stands for a value that is kept apart; an array that is large becomes a file of its own."""
    content = task.large.get(str(about.get("ref")))
    if content is None:
        return no_large(about)
    if about.get("kind") == "ARRAY":
        return _large_array(content, str(about["ref"])[:16], kept)
    if content[:1] not in b"{[\"-0123456789tfnNI":  # a tar archive, with arrays beside it
        return no_large(about)
    return _small(about, content)


def _large_array(content: bytes, file: str, kept: dict[str, bytes]) -> str:
    import numpy as np

    found = np.load(io.BytesIO(content), allow_pickle=False)
    element = _ELEMENTS.get(found.dtype.newbyteorder("=").str.lstrip("<>|="), "")
    if not element:
        raise InvalidTask(f"an array of {found.dtype} among its arguments has no type in Julia")
    kept[file] = found.astype(found.dtype.newbyteorder("<")).tobytes(order="F")
    shape = ", ".join(map(str, found.shape))
    return f'reshape(collect(reinterpret({element}, read(joinpath(@__DIR__, "{VALUES}", "{file}")))), {shape})'


_ELEMENTS = {
    "f8": "Float64", "f4": "Float32", "f2": "Float16", "i8": "Int64", "i4": "Int32", "i2": "Int16", "i1": "Int8",
    "u8": "UInt64", "u4": "UInt32", "u2": "UInt16", "u1": "UInt8", "b1": "Bool",
    "c16": "ComplexF64", "c8": "ComplexF32",
}  # fmt: skip


def _small(about: Mapping[str, Any], content: bytes) -> str:
    """A value that is JSON, of the type that is told of it."""
    from taskq_kernel import exact_json

    value, kind = exact_json.decode(content), str(about.get("type") or "")
    if about.get("kind") == "TABLE":
        types = value.get("types") or {}
        columns = (
            f"{text(key)} => {array(f'Vector{{{types[key]}}}', rows) if key in types else literal(rows)}"
            for key, rows in value["columns"].items()
        )
        return f"Dict{{String,Any}}({', '.join(columns)})"
    return array(kind, value) if isinstance(value, list) and kind.startswith(_ARRAYS) else literal(value)


_ARRAYS = ("Vector{", "Matrix{", "Array{", "BitVector", "BitMatrix", "BitArray")
