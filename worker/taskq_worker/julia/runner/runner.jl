"""
The Julia side of a slot: one warm process that runs one task after another.

Requests come in on one inherited file descriptor, frames go out on another; standard
output is left to the tasks. The main loop runs in the world it was started in: a task
that redefines `Base.show`, `print` or `length` changes what later evaluated code sees,
never how this module reads requests and writes frames. Whatever has to see a task's own
methods (its `show`, its `getindex`) goes through `Base.invokelatest`.

Standard library only, Julia 1.5 and later. What differs between versions is in internals.jl.
"""
module TaskqRunner

# Every new process compiles all of this before its first task: what counts is how long
# that takes. Hence also plain loops here, where a generic function would read better.
if isdefined(Base, :Experimental) && isdefined(Base.Experimental, Symbol("@optlevel"))
    Core.eval(@__MODULE__, :(Base.Experimental.@optlevel 0))
end

"A package of the standard library, by its identity: a load path without that must not matter."
function standard_library(name::String, uuid::String)
    try
        return Base.require(Base.PkgId(Base.UUID(uuid), name))
    catch
        return nothing
    end
end

const RANDOM = standard_library("Random", "9a3f8284-a2c9-5f02-9a11-845980a1fd5c")
const INTERACTIVE_UTILS = standard_library("InteractiveUtils", "b77e0a4c-d291-57a0-90e8-8db25a27a240")

const RUNNER_FOLDER = @__DIR__

include("internals.jl")
include("wire.jl")
include("json.jl")
include("dates.jl")
include("scan.jl")
include("settings.jl")
include("streams.jl")
include("memory.jl")
include("ties.jl")
include("isolation.jl")
include("prelude.jl")
include("progress_records.jl")
include("text.jl")
include("values.jl")
include("tables.jl")
include("pictures.jl")
include("arrays.jl")
include("parts.jl")
include("given.jl")
include("errors.jl")
include("parse.jl")
include("timing.jl")
include("evaluate.jl")
include("ahead.jl")
include("serve.jl")
include("displays.jl")
include("session.jl")
include("precompile.jl")

end
