# What a task's code might leave behind in the process.
#
# Most code leaves nothing: it defines its own names in its own module. Some constructs
# reach further, and then the process must not serve other code. A walk over the parsed
# code finds the suspects cheaply; where a suspect can be checked precisely afterwards (the
# methods that were really added, and to what), it is.

"The suspects that a walk over a task's code found."
mutable struct Suspects
    "a construct that cannot be undone, or empty"
    reason::String
    "functions of other modules that get methods: (module path, name)"
    extended::Vector{Tuple{Any,Symbol}}
    "names brought in by `import A: f`, with where from"
    imported::Vector{Tuple{Any,Symbol}}
    "unqualified function names that the code defines"
    defined::Set{Symbol}
    "assignments to `A.b`"
    assigned::Vector{Any}
end

Suspects() = Suspects("", [], [], Set{Symbol}(), [])

# Constructs whose effect on the process cannot be undone, or not be seen.
const REACHES_OUT = Set{Symbol}([
    :ccall, Symbol("@ccall"), Symbol("@cfunction"), :llvmcall, :unsafe_store!, :unsafe_copyto!, :unsafe_wrap,
    :unsafe_pointer_to_objref, :unsafe_write, :pointer_from_objref, :include_string, :evalfile, :Main,
    Symbol("@everywhere"), :set_num_threads,
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
    if head === :function || head === :(=) || head === :macro
        scan_definition!(s, ex)
    elseif head === :. && length(ex.args) == 2 && ex.args[2] == QuoteNode(:eval)
        suspect!(s, "calls eval in another module")
    elseif head === :macrocall
        scan_macro!(s, ex)
    elseif head === :import || head === :using
        scan_import!(s, ex)
        return nothing
    elseif head === :foreigncall
        suspect!(s, "uses ccall")
    end
    for arg in ex.args
        scan!(s, arg)
    end
    return nothing
end

function scan_definition!(s::Suspects, ex::Expr)
    isempty(ex.args) && return nothing
    head = ex.args[1]
    called = false
    while head isa Expr && head.head in (:where, :(::), :call) && !isempty(head.args)
        called |= head.head === :call
        head = head.args[1]
    end
    if head isa Expr && head.head === :curly && !isempty(head.args)
        head = head.args[1]
    end
    if ex.head === :(=) && !called
        head isa Expr && head.head === :. && push!(s.assigned, head)
    elseif head isa Symbol
        push!(s.defined, head)
    elseif head isa Expr && head.head === :. && length(head.args) == 2
        name = head.args[2]
        if name isa QuoteNode && name.value isa Symbol
            push!(s.extended, (head.args[1], name.value))
        else
            suspect!(s, "adds methods to functions of other modules")
        end
    end
    return nothing
end

function scan_macro!(s::Suspects, ex::Expr)
    name = ex.args[1]
    name isa Expr && name.head === :. && length(name.args) == 2 && (name = name.args[2])
    name isa QuoteNode && (name = name.value)
    if name === Symbol("@eval") && count(arg -> !(arg isa LineNumberNode), ex.args) > 2
        suspect!(s, "evaluates code in another module")
    elseif name === Symbol("@spawn") && (!can_see_spawned() || Threads.nthreads() > 1)
        suspect!(s, "uses @spawn")
    end
    return nothing
end

function scan_import!(s::Suspects, ex::Expr)
    for arg in ex.args
        arg isa Expr || continue
        if arg.head === :(:)
            from = arg.args[1]
            for item in arg.args[2:end]
                name = imported_name(item)
                name === nothing || push!(s.imported, (from, name))
            end
        elseif ex.head === :import && arg.head === :. && length(arg.args) > 1 && arg.args[end] isa Symbol
            push!(s.imported, (Expr(:., arg.args[1:end-1]...), arg.args[end]))
        end
    end
    return nothing
end

function imported_name(@nospecialize(item))
    item isa Expr && item.head === :as && (item = item.args[1])
    item isa Expr && item.head === :. && length(item.args) == 1 && item.args[1] isa Symbol && return item.args[1]
    return item isa Symbol ? item : nothing
end

"""
    left_behind(suspects, m, world) -> String

What the code evaluated in `m` since `world` changed outside of `m`, in a few words; empty
if nothing.
"""
function left_behind(s::Suspects, m::Module, world::UInt)
    isempty(s.reason) || return s.reason
    for target in s.assigned
        resolved(m, target.args[1]) isa Module && return "assigns to a variable of another module"
    end
    world_counter() == world && return ""
    for (from, name) in s.imported
        name in s.defined && push!(s.extended, (from, name))
    end
    for (path, name) in s.extended
        owner = resolved(m, path)
        (owner isa Module && !within(owner, m) && known(owner, name)) || continue
        extends_foreign(value_of(owner, name), m, world) && return string("adds methods to ", owner, ".", name)
    end
    return ""
end

# The names were bound after this code's world began: always ask the newest one.
known(m::Module, name::Symbol) = Base.invokelatest(isdefined, m, name)::Bool
value_of(m::Module, name::Symbol) = Base.invokelatest(getfield, m, name)

"The module or value that a dotted path names in `m`; `nothing` if there is none."
function resolved(m::Module, @nospecialize(path))
    if path isa Symbol
        # `import LinearAlgebra: dot` binds dot, not LinearAlgebra.
        return known(m, path) ? value_of(m, path) : loaded(path)
    elseif path isa Module
        return path
    elseif path isa Expr && path.head === :. && length(path.args) == 2 && path.args[2] isa QuoteNode
        owner = resolved(m, path.args[1])
        name = path.args[2].value
        return owner isa Module && name isa Symbol && known(owner, name) ? value_of(owner, name) : nothing
    elseif path isa Expr && path.head === :. && !isempty(path.args)  # the form inside `import`
        owner = resolved(m, path.args[1])
        for name in path.args[2:end]
            owner isa Module && name isa Symbol && known(owner, name) || return nothing
            owner = value_of(owner, name)
        end
        return owner
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

function extends_foreign(@nospecialize(f), m::Module, world::UInt)
    f isa Function || f isa Type || return false
    for method in Base.invokelatest(methods, f)
        added_since(method, world) && !owned(method.sig, m) && return true
    end
    return false
end

"Whether a signature names a type that was defined in `m`: such a method can surprise nobody else."
function owned(@nospecialize(t), m::Module)
    t isa Union && return all(part -> owned(part, m), parts_of(t))
    t isa DataType && within(parentmodule(t), m) && return true
    return any(part -> owned(part, m), parts_of(t))
end
