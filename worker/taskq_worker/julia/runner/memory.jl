# Memory that a task has taken and that the next one must not miss.

"So much more than before is worth a look, and so much a garbage collection, before a task counts as over."
const WORTH_LETTING_GO = 64 * 2^20
const WORTH_COLLECTING = 256 * 2^20

"How much memory the process holds when no task runs, and with how many packages."
mutable struct Held
    bytes::Int
    packages::Int
end

Held() = Held(used_bytes(), package_count())

"""
    let_go(held, home, over) -> Bool

Give back the memory of a task, whose variables are let go where it is `over` for good. False
where much of it stays: something holds it that nobody can let go, such as a constant.
"""
function let_go(held::Held, home::Module, over::Bool)
    used_bytes() - held.bytes > WORTH_LETTING_GO || return true
    over && forget(home)
    used_bytes() - held.bytes > WORTH_COLLECTING || return true
    GC.gc()
    Sys.islinux() && ccall(:malloc_trim, Cint, (Csize_t,), 0)
    # What packages hold, and definitions, is there for the tasks to come.
    if !over || package_count() != held.packages
        held.bytes, held.packages = used_bytes(), package_count()
    end
    return used_bytes() - held.bytes <= WORTH_COLLECTING
end

"Let go of the variables of a task that is over: methods that others have cached keep its module."
function forget(home::Module)
    for m in modules_in(home), name in Base.invokelatest(names, m, all = true)
        known(m, name) || continue
        value = value_of(m, name)
        if !Base.invokelatest(isconst, m, name)
            empty_variable(m, name)
        elseif value isa Vector
            # A constant cannot be another value; its memory can go.
            sizehint!(empty!(value), 0)
        end
    end
    return nothing
end

function empty_variable(m::Module, name::Symbol)
    try
        Core.eval(m, :($name = $nothing))
    catch  # it has a type that excludes that
    end
    return nothing
end
