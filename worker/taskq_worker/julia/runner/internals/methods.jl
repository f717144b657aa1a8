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
