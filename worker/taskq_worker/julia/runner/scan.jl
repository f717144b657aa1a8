# What a task leaves behind in the process that cannot be put back.
#
# Most code leaves nothing: it defines its own names in its own module. What can be compared
# is compared when the task is over: Julia tells of every new method, and one for nothing of
# the task's own is found, however the code came to it. Some constructs change what nobody
# could compare (memory, variables of other modules): those a walk over the parsed code finds.

"What a walk over a task's code found."
mutable struct Suspects
    "a construct whose effect cannot be seen, or empty"
    reason::String
    "where the code assigns to `A.b`: each `A`"
    assigned::Vector{Any}
    "where the code evaluates in a module that it names: each module"
    evaluated::Vector{Any}
end

Suspects() = Suspects("", [], [])

const REACHES_OUT = Set{Symbol}([
    :ccall, Symbol("@ccall"), Symbol("@cfunction"), :llvmcall, :unsafe_store!, :unsafe_copyto!, :unsafe_wrap,
    :unsafe_pointer_to_objref, :unsafe_write, :pointer_from_objref, :Main, :delete_method, :set_num_threads,
])

function suspect!(s::Suspects, reason::String)
    isempty(s.reason) && (s.reason = reason)
    return nothing
end

function scan_all!(s::Suspects, statements::Vector{Any})
    for statement in statements
        scan!(s, statement)
    end
end

scan!(s::Suspects, @nospecialize(ex)) = nothing
scan!(s::Suspects, name::Symbol) = name in REACHES_OUT ? suspect!(s, string("uses ", name)) : nothing
scan!(s::Suspects, quoted::QuoteNode) = scan!(s, quoted.value)

function scan!(s::Suspects, ex::Expr)
    head = ex.head
    if head === :(=) && !isempty(ex.args)
        target = ex.args[1]
        target isa Expr && target.head === :. && push!(s.assigned, target.args[1])
    elseif head === :call && is_eval(ex.args[1])
        push!(s.evaluated, length(ex.args) > 2 ? ex.args[2] : ex.args[1].args[1])
        foreach(arg -> scan!(s, arg), ex.args[2:end])
        return nothing
    elseif is_eval(ex)
        suspect!(s, "evaluates code in another module")
    elseif head === :macrocall
        scan_macro!(s, ex)
    elseif head === :import || head === :using
        return nothing
    elseif head === :foreigncall
        suspect!(s, "uses ccall")
    end
    for arg in ex.args
        scan!(s, arg)
    end
    return nothing
end

"Whether it is `A.eval`."
is_eval(@nospecialize(ex)) = ex isa Expr && ex.head === :. && length(ex.args) == 2 && ex.args[2] == QuoteNode(:eval)

function scan_macro!(s::Suspects, ex::Expr)
    name = ex.args[1]
    name isa Expr && name.head === :. && length(name.args) == 2 && (name = name.args[2])
    name isa QuoteNode && (name = name.value)
    given = filter(arg -> !(arg isa LineNumberNode), ex.args[2:end])
    if name === Symbol("@eval") && length(given) > 1
        push!(s.evaluated, given[1])
    elseif name === Symbol("@spawn") && (!can_see_spawned() || Threads.nthreads() > 1)
        suspect!(s, "uses @spawn")
    end
    return nothing
end

"""
    left_behind(suspects, m) -> String

What a task whose module is `m` has changed outside of it for good, in a few words; empty if
nothing.
"""
function left_behind(s::Suspects, m::Module)
    isempty(s.reason) || return s.reason
    for path in s.assigned
        other = resolved(m, path)
        other isa Module && !within(other, m) && return "assigns to a variable of another module"
    end
    for path in s.evaluated
        other = resolved(m, path)
        other isa Module && within(other, m) || return "evaluates code in another module"
    end
    for method in new_methods()
        is_foreign(method, m) && return string("adds methods to ", called_name(method))
    end
    return ""
end

"Whether code outside of `m` may now run other methods than before."
function is_foreign(method::Method, m::Module)
    owned(method.sig, m) && return false
    home = package_of(method.module)
    home in (Base, Core, Main) && return true
    # Packages add methods to themselves as they are loaded, and some of them later: their own
    # code does that, for every task alike.
    folder = package_folder(home)
    return isempty(folder) || !startswith(String(method.file), joinpath(folder, ""))
end

function package_of(m::Module)
    while parentmodule(m) !== m
        m = parentmodule(m)
    end
    return m
end

function called_name(method::Method)
    type = called_type(method)
    type isa DataType || return String(method.name)
    type.name === Type.body.name && (type = unwrapped(type.parameters[1]))
    return type isa DataType ? string(parentmodule(type), ".", method.name) : String(method.name)
end

# The names were bound after this code's world began: always ask the newest one.
known(m::Module, name::Symbol) = Base.invokelatest(isdefined, m, name)::Bool
value_of(m::Module, name::Symbol) = Base.invokelatest(getfield, m, name)

"The module or value that a dotted path names in `m`; `nothing` if there is none."
function resolved(m::Module, @nospecialize(path))
    if path isa Symbol
        return known(m, path) ? value_of(m, path) : nothing
    elseif path isa Module
        return path
    elseif path isa Expr && path.head === :macrocall && path.args[1] === Symbol("@__MODULE__")
        return m
    elseif path isa Expr && path.head === :. && length(path.args) == 2 && path.args[2] isa QuoteNode
        owner = resolved(m, path.args[1])
        name = path.args[2].value
        return owner isa Module && name isa Symbol && known(owner, name) ? value_of(owner, name) : nothing
    end
    return nothing
end

"Whether module `inner` is `m` or stands inside of it."
function within(inner::Module, m::Module)
    while inner !== m
        outer = parentmodule(inner)
        outer === inner && return false
        inner = outer
    end
    return true
end

"Whether a signature names a type that was defined in `m`: such a method can surprise nobody else."
function owned(@nospecialize(t), m::Module)
    t isa Union && return all(part -> owned(part, m), parts_of(t))
    t isa DataType && within(parentmodule(t), m) && return true
    return any(part -> owned(part, m), parts_of(t))
end
