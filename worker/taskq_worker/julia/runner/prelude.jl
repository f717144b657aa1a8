# What a task's module has beside Base: `progress`, `include`, `eval`.

"The task that runs: its number, 0 when none does, and how it reports."
mutable struct Running
    job::Int
    wire::Union{Wire,Nothing}
    suspects::Suspects
    "progress frames that may still be sent, and when that was reckoned"
    credit::Float64
    credited_at::UInt64
    "the last report, where it came too soon after others to be sent"
    unsent::Union{Tuple{Float64,String},Nothing}
end

const RUNNING = Running(0, nothing, Suspects(), 0.0, 0, nothing)

# A loop may call `progress` a million times. So many reports at once, so many per second, and the last one.
const PROGRESS_BURST = 50.0
const PROGRESS_PER_SECOND = 25.0

function may_report(r::Running)
    now = time_ns()
    r.credit = min(PROGRESS_BURST, r.credit + (now - r.credited_at) / 1e9 * PROGRESS_PER_SECOND)
    r.credited_at = now
    r.credit >= 1 || return false
    r.credit -= 1
    return true
end

"""
Report how far the task is, if one runs. What comes too soon after others waits, in case it is
the last one.
"""
function report_progress(fraction::Float64, message::String)
    (RUNNING.job == 0 || RUNNING.wire === nothing) && return nothing
    may_report(RUNNING) ? send_progress(fraction, message) : (RUNNING.unsent = (fraction, first(message, 200)))
    return nothing
end

"Send the last report of a task whose code is done, if it was too soon for it before."
function report_unsent()
    unsent = RUNNING.unsent
    unsent === nothing || send_progress(unsent...)
    return nothing
end

function send_progress(fraction::Float64, message::String)
    RUNNING.unsent = nothing
    io = start_frame()
    print(io, "{\"job\":", RUNNING.job, ",\"fraction\":", isnan(fraction) ? 0.0 : clamp(fraction, 0.0, 1.0))
    print(io, ",\"message\":")
    put_string(io, first(message, 200))
    print(io, "}")
    send(RUNNING.wire::Wire, FRAME_PROGRESS, io)
    return nothing
end

const RUNNER_WORLD = Ref(UInt(0))

"Call `f` as it was before any task ran, where Julia can (1.6 and later)."
@inline function in_runner_world(f::F, args::Vararg{Any,N}) where {F,N}  # specialized: `report` is called in loops
    return call_in_world(RUNNER_WORLD[], f, args...)
end

include("series.jl")

"What every task's module is `using`."
module Prelude

export progress, report

"""
    progress(fraction, message = "")

Tell how far the task has come: a fraction from 0 to 1, and a few words. Cheap enough for
every turn of a loop; reports that come faster than 25 a second may be left out, the last one is told.

# Example
```julia
for i in 1:n
    step!(model)
    progress(i / n, "step \$i of \$n")
end
```
"""
function progress(fraction::Real, message = "")
    in_runner_world(report_progress, Float64(fraction), String(string(message)))
end

"""
    report(step; name = value, ...)
    report(; name = value, ...)

Add a point to named series, which are shown as curves while the task runs and kept with its
result. Cheap enough for every turn of a loop: of a long series the points are kept that its
curve is made of. Without a step the reports are counted. `nothing`, `missing` and NaN are gaps.

# Example
```julia
for i in 1:n
    report(i; loss = train!(model), rate = η)
end
```
"""
function report(step::Union{Real,Nothing} = nothing; series...)
    named = values(series)
    in_runner_world(note_report, number(:step, step), keys(named), map(number, keys(named), Tuple(named)))
    return nothing
end

number(::Symbol, x::Real) = Float64(x)
number(::Symbol, ::Union{Nothing,Missing}) = NaN
number(name::Symbol, x) = throw(ArgumentError("report takes real numbers, and $name is a $(typeof(x))"))

const report_progress = parentmodule(@__MODULE__).report_progress
const note_report = parentmodule(@__MODULE__).note_report
const in_runner_world = parentmodule(@__MODULE__).in_runner_world

end

# A module made by `Module()` has neither `eval` nor `include` of its own.
"`eval(expression)`, in one task's module."
struct Evaluator
    home::Module
end

function (e::Evaluator)(@nospecialize(expression))
    scan!(RUNNING.suspects, expression)
    return Core.eval(e.home, expression)
end

function (e::Evaluator)(m::Module, @nospecialize(expression))
    m === e.home || suspect!(RUNNING.suspects, "calls eval in another module")
    return Core.eval(m, expression)
end

"`include(path)`, into one task's module."
struct Includer
    home::Module
end

(i::Includer)(path::AbstractString) = Base.include(scanned, i.home, path)
(i::Includer)(change::Function, path::AbstractString) = Base.include(x -> scanned(change(x)), i.home, path)

function scanned(@nospecialize(expression))
    scan!(RUNNING.suspects, expression)
    return expression
end

"A module for one task, or for one definition. An argument of the name takes the place of `eval` or `include`."
function fresh_module(name::Symbol, arguments::Dict{String,Any} = Dict{String,Any}())
    m = Module(name)
    haskey(arguments, "eval") || set_constant!(m, :eval, Evaluator(m))
    haskey(arguments, "include") || set_constant!(m, :include, Includer(m))
    use_surroundings!(m)
    return m
end

# As in the REPL: `versioninfo()`, `@which`, `methodswith` and the like are there.
function use_surroundings!(m::Module)
    INTERACTIVE_UTILS === nothing || use_module!(m, INTERACTIVE_UTILS)
    use_module!(m, Prelude)
end

"""
Main, for code that uses Distributed: only what stands there is sent to other processes, and
`@everywhere` defines it there. No other code can run in this process after that.
"""
function program_module()
    suspect!(RUNNING.suspects, "ran in Main, for Distributed")
    use_surroundings!(Main)
    return Main
end

"Whether some statement is `using Distributed`, or imports from it."
uses_distributed(@nospecialize(ex)) = false
function uses_distributed(ex::Expr)
    if ex.head === :using || ex.head === :import
        return any(names_distributed, ex.args)
    end
    return any(uses_distributed, ex.args)
end

function names_distributed(@nospecialize(ex))
    ex isa Expr || return false
    ex.head === :. && return ex.args[1] === :Distributed
    return !isempty(ex.args) && names_distributed(ex.args[1])  # `Distributed: pmap`, `Distributed as D`
end

"Bind the arguments as variables of the task's module."
function bind!(m::Module, arguments::Dict{String,Any})
    isempty(arguments) && return nothing
    block = Expr(:block)
    for (name, value) in arguments
        push!(block.args, Expr(:(=), Symbol(name), QuoteNode(value)))
    end
    Core.eval(m, block)
    return nothing
end
