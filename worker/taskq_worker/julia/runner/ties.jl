# What ties a process to its supervisor, and the limits that it takes from it. Standard library only, and
# nothing else of the runner: a process that prepares a project loads this file alone.

const PR_SET_PDEATHSIG = Cint(1)
const PR_SET_CHILD_SUBREAPER = Cint(36)
const SIGKILL = Culong(9)

"""
Tie this process to its supervisor, and all its descendants to it: it dies with the
supervisor, and a process whose parent has exited (a daemon) becomes its own child, where
the supervisor finds it.
"""
function tie_to_supervisor()
    Sys.islinux() || return nothing
    ccall(:prctl, Cint, (Cint, Culong...), PR_SET_PDEATHSIG, SIGKILL)
    ccall(:prctl, Cint, (Cint, Culong...), PR_SET_CHILD_SUBREAPER, Culong(1))
    return nothing
end

const PR_SET_NO_NEW_PRIVS = Cint(38)

"""
Take the limits that the supervisor names, soft and hard, and for good: `number=limit` of
each resource in the variable RUNNER_LIMITS, and `no_new_privileges`, with which no program
that a task starts is another user's.
"""
function take_limits()
    for item in split(pop!(ENV, "RUNNER_LIMITS", ""), ',')
        if item == "no_new_privileges"
            Sys.islinux() &&
                ccall(:prctl, Cint, (Cint, Culong...), PR_SET_NO_NEW_PRIVS, Culong(1), Culong(0), Culong(0), Culong(0))
        elseif occursin('=', item)
            number, limit = split(item, '=')
            pair = fill(parse(UInt64, limit), 2)
            ccall(:setrlimit, Cint, (Cint, Ptr{UInt64}), parse(Cint, number), pair)
        end
    end
    return nothing
end
