# What Julia counts

"Have Julia count how long it compiles; from 1.8 on it does when it is told, before that by every look."
start_compile_clock!() = isdefined(Base, :cumulative_compile_timing) && Base.cumulative_compile_timing(true)

"""
    compile_ns() -> Union{Int,Nothing}

For how long this process has compiled, in nanoseconds; `nothing` before Julia 1.6.
"""
function compile_ns()
    if isdefined(Base, :cumulative_compile_time_ns)
        count = Base.cumulative_compile_time_ns()  # with what was compiled again, from 1.8 on
        return Int(count isa Tuple ? count[1] : count)
    end
    isdefined(Base, :cumulative_compile_time_ns_before) && return Int(Base.cumulative_compile_time_ns_before())  # 1.6, 1.7
    return nothing
end

"How long the garbage collector has worked since `before`, in nanoseconds, and the bytes that were allocated (1.5 to 1.12)."
function collected_since(before)
    diff = Base.GC_Diff(Base.gc_num(), before)
    return Int(diff.total_time), Int(diff.allocd)
end

gc_counts() = Base.gc_num()
