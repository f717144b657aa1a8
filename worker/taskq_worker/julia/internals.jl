# Everything of Julia that it does not promise to keep, and nothing else, stands in this file.
#
# What is a matter of versions is told by what is defined, never by a number, and each form
# says which versions it is for (read in their sources: 1.5, 1.6, 1.7, 1.8, 1.9, 1.10, 1.11,
# 1.12, and 1.13 and 1.14 in development). `missing_internals` says at a process's start what
# a newer Julia has taken away.

"What this file stands on, by module or type and name, and what it is for. `|`: one of these will do."
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

# Parsing and evaluating

# Where Julia's parser gives up on nesting that is too deep for it (1.10 and later), it logs its
# whole stack and asks the old parser. The log takes minutes to write, and tells nobody anything.
quietly(parse) = Base.CoreLogging.with_logger(parse, Base.CoreLogging.NullLogger())

# The parser of 1.10 and later takes some 16 KiB of stack for each bracket that is open.
const SHALLOW = 100
const STACK_BYTES_PER_LEVEL = 64 * 2^10
const MOST_STACK_BYTES = 2^30

"""
Call `parse` for code, with as much stack as its nesting needs: else the parser overflows it,
which Julia (1.12 and later) says on standard error, beside every logger.
"""
function with_room(parse, code::String)
    depth = nesting(code)
    depth > SHALLOW || return parse()
    return fetch(schedule(Task(parse, min(depth * STACK_BYTES_PER_LEVEL, MOST_STACK_BYTES))))
end

"How many brackets are open at once in code, at most; those in strings and comments count too."
function nesting(code::String)
    depth, most = 0, 0
    for byte in codeunits(code)
        if byte in (UInt8('('), UInt8('['), UInt8('{'))
            depth += 1
            most = max(most, depth)
        elseif byte in (UInt8(')'), UInt8(']'), UInt8('}'))
            depth -= 1
        end
    end
    return most
end

"The whole of a task's code as one expression."
function parse_all(code::String, file::String)
    if isdefined(Meta, :parseall)  # 1.6 and later
        return with_room(() -> quietly(() -> Meta.parseall(code; filename = file)), code)
    end
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

"The methods that were defined since `forget_methods!`, the last one first: `svec(method, earlier)`."
mutable struct NewMethods
    last::Any
end

const NEW_METHODS = NewMethods(nothing)

# Julia calls this in the newest world, where a task may have changed everything that has
# methods: hence nothing but what is built in.
function note_method(@nospecialize(method))
    Core.setfield!(NEW_METHODS, :last, Core.svec(method, Core.getfield(NEW_METHODS, :last)))
    return nothing
end

"""
Have Julia tell of every method that is defined from now on, however the code came to it
(a hook for tools such as SnoopCompile, in 1.5 to 1.12; `ccall` throws where it is not there).
Methods out of precompiled packages are not told.
"""
function watch_methods()
    ccall(:jl_register_newmeth_tracer, Cvoid, (Ptr{Cvoid},), @cfunction(note_method, Cvoid, (Any,)))
    return nothing
end

forget_methods!() = (NEW_METHODS.last = nothing)

"The methods that were defined since `forget_methods!`, in order."
function new_methods()
    found = Method[]
    link = NEW_METHODS.last
    while link isa Core.SimpleVector
        pushfirst!(found, link[1])
        link = link[2]
    end
    return found
end

"What a method is for: a function's type, or `Type{T}` for a constructor."
called_type(method::Method) = Base.unwrap_unionall(Base.unwrap_unionall(method.sig).parameters[1])

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

"Where `@main` notes that a module has an entry point."
const ENTRY_POINT = Symbol("#__main_is_entrypoint__#")

"Say which file runs as a program: the variable is Julia's own."
program_file!(file::String) = (Core.eval(Base, :(PROGRAM_FILE = $file)); nothing)

"A name in the form that the parser gives it in code (µ and μ are one); itself where it is none."
function parsed_name(name::String)
    isascii(name) && return name
    parsed = Meta.parse(name; raise = false)
    return parsed isa Symbol ? String(parsed) : name
end

# Modules and packages

# What `const` and `using` come to. Evaluated as code, they take several times as long, for
# every task. Up to 1.13 `jl_module_using` has no flags, and does not see that some are given.
function set_constant!(m::Module, name::Symbol, @nospecialize(value))
    ccall(:jl_set_const, Cvoid, (Any, Any, Any), m, name, value)
end

use_module!(m::Module, other::Module) = ccall(:jl_module_using, Cvoid, (Any, Any, Csize_t), m, other, 0)

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

package_count() = length(Base.loaded_modules)

"The folder of a package's sources; empty where it is not known, as for most of what Julia has built in."
function package_folder(m::Module)
    path = pathof(m)
    return path === nothing ? "" : dirname(dirname(path))
end

# What Julia keeps for the whole process, beside what has public functions

displays() = Base.Multimedia.displays

"The least level that any logger is asked about: what `disable_logging` sets."
logging_level() = Base.CoreLogging._min_enabled_level[]
logging_level!(level) = (Base.CoreLogging._min_enabled_level[] = level)

"How often a logger has written what has a `maxlog`, by where it stands."
message_counts(logger) = hasfield(typeof(logger), :message_limits) ? logger.message_limits : nothing

"Rounding of machine numbers, as C's fegetround(3) has it."
float_rounding() = ccall(:fegetround, Cint, ())
float_rounding!(mode::Cint) = ccall(:fesetround, Cint, (Cint,), mode)

big_exponents() = (Int(Base.MPFR.get_emin()), Int(Base.MPFR.get_emax()))
big_exponents!(least::Int, most::Int) = (Base.MPFR.set_emin!(least); Base.MPFR.set_emax!(most); nothing)

"Threads of BLAS; 0 where it is not loaded or does not tell. `BLAS.get_num_threads` is there from 1.6 on."
function blas_threads(algebra::Union{Module,Nothing})
    algebra === nothing && return 0
    isdefined(algebra.BLAS, :get_num_threads) && return Int(algebra.BLAS.get_num_threads())
    return openblas_threads(algebra.BLAS.libblas)
end

function openblas_threads(library::String)
    OPENBLAS_THREADS[] == C_NULL && (OPENBLAS_THREADS[] = openblas_function(library))
    return OPENBLAS_THREADS[] == ABSENT ? 0 : Int(ccall(OPENBLAS_THREADS[], Cint, ()))
end

function openblas_function(library::String)
    libdl = loaded(:Libdl)
    libdl === nothing && return ABSENT
    handle = libdl.dlopen_e(library)
    for name in (:openblas_get_num_threads64_, :openblas_get_num_threads)
        handle == C_NULL && break
        found = libdl.dlsym_e(handle, name)
        found == C_NULL || return found
    end
    return ABSENT
end

const ABSENT = Ptr{Cvoid}(1)
const OPENBLAS_THREADS = Ref{Ptr{Cvoid}}(C_NULL)

"Functions that Julia calls at certain events, but for those at its exit."
function hooks()
    found = Any[]
    for name in (:package_callbacks, :include_callbacks)
        isdefined(Base, name) && append!(found, getfield(Base, name))
    end
    if isdefined(Base, :Experimental) && isdefined(Base.Experimental, :_hint_handlers)
        for (_, handlers) in Base.Experimental._hint_handlers
            append!(found, handlers)
        end
    end
    return found
end

exit_hooks() = Base.atexit_hooks

"Variables of Base itself with a plain value: whether output has colours, whether there is a REPL, and the like."
function plain_variables()
    found = Tuple{Symbol,Any}[]
    for name in names(Base; all = true)
        (isdefined(Base, name) && !isconst(Base, name)) || continue
        value = getfield(Base, name)
        is_plain_setting(value) && push!(found, (name, value))
    end
    return found
end

is_plain_setting(@nospecialize(x)) = x === nothing || x isa Bool || x isa String || x isa Symbol

# What a process has at work

"Bytes of objects that are in use, or were since the last garbage collection (`gc_num`: 1.5 to 1.12)."
function used_bytes()
    counts = Base.gc_num()
    return Int(ccall(:jl_gc_live_bytes, Int64, ())) + Int(counts.allocd)
end

"Whether an object can be changed, and so can hold itself. `ismutable` is there from 1.5 on."
is_mutable(@nospecialize(x)) = isdefined(Base, :ismutable) ? ismutable(x) : !isimmutable(x)

"Whether `x` is memory for elements: an array, or from 1.11 on what arrays and dictionaries are made of."
is_memory(@nospecialize(x)) = x isa Array || (isdefined(Core, :GenericMemory) && x isa Core.GenericMemory)

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
