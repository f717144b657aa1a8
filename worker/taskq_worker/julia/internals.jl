# Everything of Julia that it does not promise to keep, and nothing else, stands in this file.
#
# What is a matter of versions is told by what is defined, never by a number, and each form
# says which versions it is for (read in their sources: 1.5, 1.6, 1.7, 1.8, 1.9, 1.10, 1.11,
# 1.12, and 1.13 and 1.14 in development). `missing_internals` says at a process's start what
# a newer Julia has taken away.

"What this file stands on, by module or type and name, and what it is for. `|`: one of these will do."
const INTERNALS = [
    (Base, "get_world_counter", "know which methods a task has added"),
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

# Parsing and evaluating

# Where Julia's parser gives up on nesting that is too deep for it (1.10 and later), it logs its
# whole stack and asks the old parser. The log takes minutes to write, and tells nobody anything.
quietly(parse) = Base.CoreLogging.with_logger(parse, Base.CoreLogging.NullLogger())

"The whole of a task's code as one expression."
function parse_all(code::String, file::String)
    isdefined(Meta, :parseall) && return quietly(() -> Meta.parseall(code; filename = file))  # 1.6 and later
    return Base.parse_input_line(code; filename = file)
end

"One statement of code from a place on, and the place after it."
parse_statement(code::String, at::Int) = quietly(() -> Meta.parse(code, at; raise = false))

"""
    parser_complaints(reason) -> Vector{Any}

What the parser found, each with `message`, `first_byte` and `last_byte`; empty before 1.10,
and where the old parser was asked.
"""
function parser_complaints(@nospecialize(reason))
    # A `Meta.ParseError`, whose `detail` is a `JuliaSyntax.ParseError`.
    detail = reason isa Exception && hasfield(typeof(reason), :detail) ? reason.detail : nothing
    hasfield(typeof(detail), :diagnostics) || return Any[]
    return Any[one for one in detail.diagnostics if one.level === :error]
end

"The form in which a loop at top level may assign to the variables there, as in the REPL (1.5 and later)."
soft_scoped(@nospecialize(statement), line::LineNumberNode) = Expr(:block, line, Expr(:softscope, true), statement)

# Written with `;`, Julia would compile a caller for each set of argument types.
"Call `f` with keywords, in the newest world."
function call_latest(@nospecialize(f), @nospecialize(keywords::NamedTuple))
    isdefined(Core, :kwcall) && return Base.invokelatest(Core.kwcall, keywords, f)  # 1.9 and later
    return Base.invokelatest(Core.kwfunc(f), keywords, f)
end

"Call `f` as it was in a world, where Julia can (1.6 and later)."
function call_in_world(world::UInt, f, args...)
    isdefined(Base, :invoke_in_world) && return Base.invoke_in_world(world, f, args...)
    return f(args...)
end

world_counter() = Base.get_world_counter()

# Methods and types

"Whether a method came to be after a world (`primary_world`: 1.5 to 1.14)."
added_since(method::Method, world::UInt) = method.primary_world > world

argument_count(method::Method) = Int(method.nargs) - 1  # without the function itself
argument_names(method::Method) = Base.method_argnames(method)[2:end]
keyword_names(method::Method) = Base.invokelatest(Base.kwarg_decl, method)

"A type without its `where`s."
unwrapped(@nospecialize(t)) = Base.unwrap_unionall(t)

"The parts of a type that may name other types: its bounds, its members or its parameters."
function parts_of(@nospecialize(t))
    t isa UnionAll && return Any[unwrapped(t)]
    t isa TypeVar && return Any[t.ub]
    t isa Union && return Any[t.a, t.b]
    # 1.7 and later; before, Vararg is a type like others.
    isdefined(Core, :TypeofVararg) && t isa Core.TypeofVararg && return isdefined(t, :T) ? Any[t.T] : Any[]
    return t isa DataType ? Any[t.parameters...] : Any[]
end

"""
    argument_types(frame) -> Union{Vector{Any},Nothing}

The types with which the function of a stack frame was called; `nothing` where they are not
known. The frame has a `CodeInstance` from 1.12 on, before that a `MethodInstance`.
"""
function argument_types(frame::StackTraces.StackFrame)
    info = frame.linfo
    info isa Core.CodeInstance && (info = info.def)
    isdefined(Core, :ABIOverride) && info isa Core.ABIOverride && (info = info.def)
    info isa Core.MethodInstance || return nothing
    signature = unwrapped(info.specTypes)
    signature isa DataType && signature <: Tuple || return nothing
    return Any[signature.parameters[i] for i in 2:length(signature.parameters)]
end

# How code gets evaluated or called is of no interest to who wrote it.
const MACHINERY = (:eval, :include, :_include, :include_string, :invokelatest, Symbol("#invokelatest#1"),
    Symbol("#invokelatest#2"), :kwcall, Symbol("#invokelatest_gr"))
const MACHINERY_FILES = ("boot.jl", "Base.jl", "loading.jl", "essentials.jl", "Base_compiler.jl")

is_machinery(frame) = frame.func in MACHINERY && basename(String(frame.file)) in MACHINERY_FILES

# Exceptions: `current_exceptions` is public, and there from 1.7 on.

function exception_stack()
    stack = isdefined(Base, :current_exceptions) ? Base.current_exceptions() : Base.catch_stack()
    return Any[(item[1], item[2]) for item in stack]
end

function exception_stack(task::Task)
    stack = isdefined(Base, :current_exceptions) ? Base.current_exceptions(task) : Base.catch_stack(task)
    return Any[(item[1], item[2]) for item in stack]
end

# Modules and packages

"A package that is loaded; `nothing` if none of this name is."
function loaded(name::Symbol)
    for m in Base.loaded_modules_array()
        nameof(m) === name && return m
    end
    return nothing
end

"A package that is loaded, known by its UUID, whatever else has its name; `nothing` if it is not."
function loaded(package::Base.PkgId)
    for m in Base.loaded_modules_array()
        Base.PkgId(m) == package && return m
    end
    return nothing
end

"The active project's file; `nothing` where Julia was started without one."
active_project() = Base.active_project(false)

function activate(project::Union{String,Nothing})
    if isdefined(Base, :set_active_project)  # 1.8 and later
        Base.set_active_project(project)
    else
        Base.ACTIVE_PROJECT[] = project
    end
    return nothing
end

global_logger() = Base.CoreLogging.global_logger()
global_logger(logger) = Base.CoreLogging.global_logger(logger)

"Have `Base.julia_cmd`, and so package precompilation, start another program as Julia."
function start_julia_as(executable::String)
    # `Base.julia_cmd` joins this to the folder of the binary; an absolute path stays as it is.
    Core.eval(Base, :(julia_exename() = $executable))
    return nothing
end

# What a process has at work

exit_hook_count() = length(Base.atexit_hooks)
display_count() = length(Base.Multimedia.displays)

"Bytes that were in use after the last garbage collection."
live_bytes() = Int(ccall(:jl_gc_live_bytes, Int64, ()))

# Tasks that are ready to run. Those that wait for a timer, a file or a socket show as
# handles; those that wait for one another can never run again.
function work_waits()
    for queue in work_queues()
        isempty(queue) || return true
    end
    return can_see_spawned() && !Base.Partr.multiq_check_empty()
end

# A vector, with one queue for each thread, up to 1.8; from 1.9 on a queue is made when it is
# first asked for, and from 1.13 on there is no vector any more.
function work_queues()
    isdefined(Base, :workqueue_for) || return Base.Workqueues
    return Any[Base.workqueue_for(thread) for thread in 1:Threads.maxthreadid()]
end

# Before 1.9 the queue of spawned tasks is out of sight.
can_see_spawned() = isdefined(Base, :Partr) && isdefined(Base.Partr, :multiq_check_empty)

const ACTIVE_HANDLES = Ref(0)

function count_handle(handle::Ptr{Cvoid}, ::Ptr{Cvoid})
    active = ccall(:uv_is_active, Cint, (Ptr{Cvoid},), handle) != 0
    closing = ccall(:uv_is_closing, Cint, (Ptr{Cvoid},), handle) != 0
    active && !closing && (ACTIVE_HANDLES[] += 1)
    return nothing
end

"How many timers, sockets, child processes and the like the event loop watches."
function active_handles()
    ACTIVE_HANDLES[] = 0
    visit = @cfunction(count_handle, Cvoid, (Ptr{Cvoid}, Ptr{Cvoid}))
    ccall(:uv_walk, Cvoid, (Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid}), Base.eventloop(), visit, C_NULL)
    return ACTIVE_HANDLES[]
end

# Files

"A stream's file descriptor as C's number: `fd` gives an integer up to 1.11, from 1.12 on a `RawFD`."
descriptor(stream::IO) = descriptor(fd(stream))
descriptor(number::Integer) = Cint(number)
descriptor(raw::RawFD) = reinterpret(Cint, raw)

"""
read(2), which may wait, while the garbage collector of other threads may run.

Up to 1.11 only these two functions let it; they are there in all versions.
"""
function waiting_read(fd::Cint, place::Ptr{UInt8}, size::Int)
    state = ccall(:jl_gc_safe_enter, Int8, ())
    got = ccall(:read, Cssize_t, (Cint, Ptr{UInt8}, Csize_t), fd, place, size)
    ccall(:jl_gc_safe_leave, Cvoid, (Int8,), state)
    return Int(got)
end
