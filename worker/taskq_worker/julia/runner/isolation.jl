# What a task finds, and what is put back after it.
#
# A task gets a fresh module and an empty folder. What it may change on the way and can be
# put back is put back: the folder, ENV, load paths, and the settings of settings.jl. What
# cannot be put back (a Julia task that still runs, a standard stream sent elsewhere, an exit
# hook) is noticed, and the supervisor replaces the process.

"How the process was before its first task."
struct Baseline
    folder::String
    environment::Dict{String,String}
    "what `environment_mark` is while the environment is so"
    environment_mark::Base.RefValue{UInt64}
    load_path::Vector{String}
    depot_path::Vector{String}
    project::Union{String,Nothing}
    settings::Settings
    streams::NTuple{3,Any}
    descriptors::NTuple{3,Tuple{UInt64,UInt64}}
    files::Files
    exit_hooks::Int
    hooks::Int
    handles::Int
    held::Held
end

function Baseline(folder::String)
    return Baseline(
        folder, Dict{String,String}(ENV), Ref(environment_mark()), copy(LOAD_PATH), copy(DEPOT_PATH), active_project(),
        Settings(), (stdin, stdout, stderr),
        map(identity_of, (0, 1, 2)), Files(), length(exit_hooks()), length(hooks()),
        active_handles(), Held(),
    )
end

function identity_of(fd::Int)
    status = try
        stat(RawFD(fd))
    catch  # closed
        return (UInt64(0), UInt64(0))
    end
    return (UInt64(status.device), UInt64(status.inode))
end

"Make the process ready for the next task."
function enter(b::Baseline)
    try
        cd(b.folder)
    catch  # the supervisor makes the folder; without it a task runs where the last one did
    end
    empty!(task_local_storage())
    isempty(ARGS) || empty!(ARGS)
    return nothing
end

"Put back what a task changed and can be put back."
function restore(b::Baseline)
    restore_environment(b.environment, b.environment_mark)
    LOAD_PATH == b.load_path || copy!(LOAD_PATH, b.load_path)
    DEPOT_PATH == b.depot_path || copy!(DEPOT_PATH, b.depot_path)
    active_project() == b.project || activate(b.project)
    put_back(b.settings)
    return nothing
end

function restore_environment(environment::Dict{String,String}, mark::Base.RefValue{UInt64})
    mark[] != 0 && environment_mark() == mark[] && return nothing
    put_back_environment(environment)
    mark[] = environment_mark()
    return nothing
end

"""
A number for all that is in the environment, which is another once any of that is; 0 where C's list of it is
elsewhere. To read the environment as Julia does takes ten times as long, and hardly a task changes it.
"""
function environment_mark()
    Sys.islinux() || return UInt64(0)
    mark = 0xcbf29ce484222325  # FNV-1a
    list = unsafe_load(cglobal(:environ, Ptr{Ptr{UInt8}}))
    list == C_NULL && return mark
    place = 1
    while (entry = unsafe_load(list, place)) != C_NULL
        at = 0
        while true  # with the zero at its end
            byte = unsafe_load(entry, at += 1)
            mark = (mark ⊻ byte) * 0x00000100000001b3
            byte == 0x00 && break
        end
        place += 1
    end
    return mark
end

function put_back_environment(environment::Dict{String,String})
    now = Dict{String,String}(ENV)
    now == environment && return nothing
    for name in keys(now)
        haskey(environment, name) || delete!(ENV, name)
    end
    for (name, value) in environment
        get(now, name, nothing) == value || (ENV[name] = value)
    end
    ccall(:tzset, Cvoid, ())  # C reads TZ when it is told to
    return nothing
end

"What a task with the module `home` left running or sent elsewhere, in a few words; empty if nothing."
function leftovers(b::Baseline, home::Module)
    (stdin, stdout, stderr) === b.streams || return "redirected a standard stream"
    map(identity_of, (0, 1, 2)) == b.descriptors || return "redirected a standard stream"
    any_own(exit_hooks(), b.exit_hooks, home) && return "registered an exit hook"
    any_own(hooks(), b.hooks, home) && return "registered a hook"
    work_waits() && return "left a Julia task behind"
    active_handles() > b.handles && return "left a timer, socket or process open"
    return still_changed(b.settings)
end

"Whether a list has grown by functions from `home`: those of packages serve every task alike."
function any_own(functions::Vector, before::Int, home::Module)
    length(functions) == before && return false
    return any(f -> within(parentmodule(typeof(f)), home), functions)
end

# waitid's constants on Linux; __WALL: whatever kind of child.
const WNOHANG, WEXITED, WNOWAIT, WALL = 0x1, 0x4, 0x01000000, 0x40000000

"Whether this process has any child, dead ones not yet collected included. One system call."
function has_children()
    Sys.islinux() || return true
    info = zeros(UInt8, 256)
    flags = Cint(WNOHANG | WEXITED | WNOWAIT | WALL)
    return ccall(:waitid, Cint, (Cint, Cuint, Ptr{UInt8}, Cint), 0, 0, info, flags) == 0
end

"End every child, and every child of theirs as it becomes ours. Runs when the process exits."
function end_children()
    for _ in 1:100
        has_children() || return nothing
        ended = false
        for thread in readdir("/proc/self/task")
            listed = try
                read("/proc/self/task/$thread/children", String)
            catch
                ""
            end
            for pid in split(listed)
                ended |= ccall(:kill, Cint, (Cint, Cint), parse(Cint, pid), 9) == 0
            end
        end
        ended || return nothing
        while ccall(:waitpid, Cint, (Cint, Ptr{Cvoid}, Cint), -1, C_NULL, 1) > 0
        end
    end
    return nothing
end
