# Stack traces and exceptions

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
