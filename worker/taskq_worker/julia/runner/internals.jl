# Everything of Julia that it does not promise to keep, and nothing else, stands in this file
# and in the folder internals.
#
# What is a matter of versions is told by what is defined, never by a number, and each form
# says which versions it is for (read in their sources: 1.5, 1.6, 1.7, 1.8, 1.9, 1.10, 1.11,
# 1.12, and 1.13 and 1.14 in development). `missing_internals` says at a process's start what
# a newer Julia has taken away.

"What all this stands on, by module or type and name, and what it is for. `|`: one of these will do."
const INTERNALS = [
    (Base, "get_world_counter", "call its own functions as they were"),
    (Base, "workqueue_for|Workqueues", "notice Julia tasks that are left behind"),
    (Base, "atexit_hooks", "notice exit hooks"),
    (Base.Multimedia, "displays", "notice displays"),
    (Base, "eventloop", "notice timers, sockets and processes that are left open"),
    (Base, "loaded_modules_array", "find packages that are loaded"),
    (Base, "set_active_project|ACTIVE_PROJECT", "put back the active project"),
    (Base.CoreLogging, "global_logger", "put back the logger"),
    (Base, "unwrap_unionall", "look into the signatures of methods"),
    (Base, "current_exceptions|catch_stack", "tell why a task failed"),
    (Core, "kwcall|kwfunc", "call functions with keyword arguments"),
    (Method, "primary_world", "know which methods a task has added"),
    (Method, "nargs", "tell which arguments a function takes"),
    (StackTraces.StackFrame, "linfo", "tell the types of arguments in a stack trace"),
    (Core.MethodInstance, "specTypes", "tell the types of arguments in a stack trace"),
]

has(m::Module, name::Symbol) = isdefined(m, name)
has(T::Type, name::Symbol) = hasfield(T, name)

"""
    missing_internals() -> String

What of `INTERNALS` this Julia does not have, as one sentence; empty if it has all.
"""
function missing_internals()
    lacking = String[]
    for (owner, names, purpose) in INTERNALS
        any(name -> has(owner, Symbol(name)), split(names, '|')) && continue
        push!(lacking, string(owner, ".", replace(names, "|" => " or "), " (to ", purpose, ")"))
    end
    isempty(lacking) && return ""
    return string("taskq does not know Julia ", VERSION, " yet: it lacks ", join(lacking, ", "))
end

include("internals/parsing.jl")
include("internals/methods.jl")
include("internals/traces.jl")
include("internals/modules.jl")
include("internals/work.jl")
include("internals/counters.jl")
include("internals/random.jl")
include("internals/logging.jl")
include("internals/settings.jl")
include("internals/files.jl")
include("internals/interrupts.jl")
include("internals/surroundings.jl")
