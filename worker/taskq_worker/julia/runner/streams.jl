# What a task has written to a file that it did not close.
#
# Julia keeps it in the stream until the stream is flushed or closed, or nobody holds it any more
# and the garbage collector comes by. The end of a task comes after all that, as the end of a
# program does.

const WATCHED_DESCRIPTORS = 64
const MOST_OBJECTS = 100_000
const THIS_MODULE = @__MODULE__

# struct pollfd of each: descriptor, no events, and what poll(2) says.
const POLLED = UInt64.(0:WATCHED_DESCRIPTORS-1)
const POLLNVAL = UInt64(0x20) << 48

"Which of the first descriptors are open, as bits, by one system call."
function open_descriptors()
    ccall(:poll, Cint, (Ptr{UInt64}, Culong, Cint), POLLED, WATCHED_DESCRIPTORS, 0)
    open = UInt64(0)
    for i in 1:WATCHED_DESCRIPTORS
        open = open << 1 | UInt64(POLLED[i] & POLLNVAL == 0)
    end
    return open
end

"Which descriptors were open: before the first task, and after the last one."
mutable struct Files
    before::UInt64
    after::UInt64
end

Files() = (open = open_descriptors(); Files(open, open))

"""
    collect_streams(files, home, over)

Have the streams written that nobody holds any more: they are as they are collected. Where the
task with the module `home` is `over` for good, nobody holds what its variables hold.
"""
function collect_streams(files::Files, home::Module, over::Bool)
    open_descriptors() == files.after && return nothing
    GC.gc(false)  # most are young
    if over && open_descriptors() != files.after
        forget(home)
        GC.gc()
    end
    now = open_descriptors()
    # What stays open is not a task's to write: Julia's own source of random numbers, say. A
    # definition's is looked for at each of its tasks.
    over && (files.before = files.before | now & ~files.after)
    files.after = now
    return nothing
end

"""
    write_streams(home, held, over) -> Union{Exception,Nothing}

Have everything written that is still in the streams that can be reached from the variables of
`home` or from `held`, and in those that nobody holds any more. Those that are variables of a
task that is over are closed. Returns what went wrong.
"""
function write_streams(home::Module, held::Vector{Any}, over::Bool)
    problem = nothing
    for stream in streams_in(Any[home, held...], home)
        try
            flush(stream)
        catch failed
            problem === nothing && (problem = failed)
        end
    end
    over && close_variables(home)
    return problem
end

function close_variables(home::Module)
    for value in variables_of(home)
        value isa IOStream && !(value in (stdin, stdout, stderr)) || continue
        try
            close(value)
        catch  # it was flushed, and that has told
        end
    end
    return nothing
end

"The values of a module's own variables, with those of the modules inside of it."
function variables_of(home::Module)
    found = Any[]
    for m in modules_in(home), name in Base.invokelatest(names, m, all = true)
        known(m, name) && push!(found, value_of(m, name))
    end
    return found
end

"A module and those inside of it."
function modules_in(home::Module)
    found = Module[home]
    for m in found, name in Base.invokelatest(names, m, all = true)
        inner = known(m, name) ? value_of(m, name) : nothing
        (inner isa Module && parentmodule(inner) === m && inner !== THIS_MODULE) || continue
        inner in found || push!(found, inner)
    end
    return found
end

"The file streams that can be reached from `roots`, without going into modules but for `home`."
function streams_in(roots::Vector{Any}, home::Module)
    found = IOStream[]
    seen = IdDict{Any,Nothing}()
    waiting = copy(roots)
    while !isempty(waiting) && length(seen) < MOST_OBJECTS
        x = pop!(waiting)
        if x isa IOStream
            push!(found, x)
        elseif x === home
            haskey(seen, x) || append!(waiting, variables_of(home))
            seen[x] = nothing
        elseif !is_leaf(x)
            if is_mutable(x)
                haskey(seen, x) && continue
                seen[x] = nothing
            end
            add_parts!(waiting, x)
        end
    end
    return found
end

const LEAVES = Union{String,Symbol,Module,Type,Core.TypeName,Method,Core.MethodInstance,Core.CodeInfo}

is_leaf(@nospecialize(x)) = isbits(x) || x isa LEAVES

function add_parts!(waiting::Vector{Any}, @nospecialize(x))
    if is_memory(x)
        isbitstype(eltype(x)) && return nothing
        for i in 1:min(length(x), MOST_OBJECTS)
            isassigned(x, i) && push!(waiting, x[i])
        end
    elseif x isa Core.SimpleVector
        append!(waiting, x)
    else
        for i in 1:nfields(x)
            isdefined(x, i) && push!(waiting, getfield(x, i))
        end
    end
    return nothing
end
