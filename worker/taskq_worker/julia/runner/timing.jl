# Where the time of a task goes: Julia's counters before and after its code.

mutable struct Timing
    "when the task was taken up, and when its code began"
    taken_at::UInt64
    began_at::UInt64
    compiled_before::Union{Int,Nothing}
    gc_before::Any
    prepare_s::Float64
    compile_s::Union{Float64,Nothing}
    gc_s::Float64
    allocated_bytes::Int
    encode_s::Float64
    "of the process, before the code began; and what the code came to, all threads together"
    cpu_before::Float64
    cpu_s::Float64
end

"Of the task that runs."
const TIMING = Timing(0, 0, nothing, nothing, 0.0, nothing, 0.0, 0, 0.0, 0.0, 0.0)

since(began::UInt64) = (time_ns() - began) / 1e9

function take_up!(t::Timing)
    t.taken_at = t.began_at = time_ns()
    t.prepare_s, t.compile_s, t.gc_s, t.allocated_bytes, t.encode_s, t.cpu_s = 0.0, nothing, 0.0, 0, 0.0, 0.0
    t.compiled_before = nothing
    t.gc_before = nothing
    return nothing
end

"The code begins: what came before was to parse it, or to evaluate its definition."
function begin_code!(t::Timing = TIMING)
    t.prepare_s = since(t.taken_at)
    t.compiled_before = compile_ns()
    t.gc_before = gc_counts()
    t.cpu_before = cpu_s()
    t.began_at = time_ns()
    return nothing
end

"The code is done, one way or another: for how many seconds it ran."
function end_code!(t::Timing = TIMING)
    seconds = since(t.began_at)
    t.gc_before === nothing && return seconds  # it never began
    t.cpu_s = cpu_s() - t.cpu_before
    collected, t.allocated_bytes = collected_since(t.gc_before)
    t.gc_s = collected / 1e9
    compiled = compile_ns()
    compiled === nothing || t.compiled_before === nothing || (t.compile_s = (compiled - t.compiled_before) / 1e9)
    return seconds
end

function put_timing(io::IOBuffer, t::Timing)
    print(io, ",\"timing\":{\"prepare_s\":", t.prepare_s, ",\"compile_s\":")
    t.compile_s === nothing ? write(io, "null") : print(io, t.compile_s)
    print(io, ",\"gc_s\":", t.gc_s, ",\"allocated_bytes\":", t.allocated_bytes, ",\"encode_s\":", t.encode_s, ",\"cpu_s\":", t.cpu_s, "}")
end
