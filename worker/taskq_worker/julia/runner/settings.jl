# What Julia and C keep for the whole process and a task may set: noted before the first task,
# and put back after each one. What cannot be put back shows in `lasting`, and then the process
# is replaced.
#
# Not here, since nobody can tell: variables inside of packages, and handlers of signals.

"The settings of the process before its first task."
struct Settings
    precision::Int
    big_rounding::RoundingMode
    big_exponents::Tuple{Int,Int}
    float_rounding::Cint
    zero_subnormals::Bool
    logger::Any
    logging_level::Any
    displays::Vector{Any}
    variables::Vector{Tuple{Symbol,Any}}
    blas::Union{Module,Nothing}
    blas_threads::Int
    umask::Cint
    locale::String
    "how many packages were loaded: without one, a task's only way to C is `ccall`, which is seen"
    packages::Int
    lasting::Vector{UInt64}
end

function Settings()
    algebra = loaded(:LinearAlgebra)
    return Settings(
        precision(BigFloat), rounding(BigFloat), big_exponents(), float_rounding(), get_zero_subnormals(),
        global_logger(), logging_level(), copy(displays()), plain_variables(),
        algebra, blas_threads(algebra), read_umask(), locale(), package_count(), lasting(),
    )
end

function put_back(s::Settings)
    precision(BigFloat) == s.precision || setprecision(BigFloat, s.precision)
    rounding(BigFloat) === s.big_rounding || setrounding(BigFloat, s.big_rounding)
    big_exponents() == s.big_exponents || big_exponents!(s.big_exponents...)
    float_rounding() == s.float_rounding || float_rounding!(s.float_rounding)
    get_zero_subnormals() == s.zero_subnormals || set_zero_subnormals(s.zero_subnormals)
    GC.enable(true)
    put_back_logging(s)
    displays() == s.displays || copy!(displays(), s.displays)
    put_back_variables(s.variables)
    blas_threads(s.blas) == s.blas_threads || s.blas.BLAS.set_num_threads(s.blas_threads)
    if package_count() > s.packages
        ccall(:umask, Cint, (Cint,), s.umask)
        locale() == s.locale || ccall(:setlocale, Cstring, (Cint, Cstring), LC_ALL, s.locale)
    end
    return nothing
end

function put_back_logging(s::Settings)
    global_logger() === s.logger || global_logger(s.logger)
    logging_level() == s.logging_level || logging_level!(s.logging_level)
    # What is logged once is logged once a task.
    counts = message_counts(s.logger)
    counts === nothing || isempty(counts) || empty!(counts)
    return nothing
end

function put_back_variables(variables::Vector{Tuple{Symbol,Any}})
    for (name, value) in variables
        now = getfield(Base, name)
        now === value || now == value || !is_plain_setting(now) || Core.eval(Base, :($name = $(QuoteNode(value))))
    end
    return nothing
end

"What differs from before and cannot be put back, in a few words; empty if nothing."
function still_changed(s::Settings)
    package_count() > s.packages && lasting() != s.lasting && return "changed a setting of its process for good"
    return ""
end

# C's numbers for them, on Linux.
const LC_ALL = Cint(6)
const RLIMITS = Cint.((0, 1, 2, 3, 6, 7, 9))  # of CPU, FSIZE, DATA, STACK, NPROC, NOFILE, AS
const CPU_SET_BYTES = 128

function locale()
    name = ccall(:setlocale, Ptr{UInt8}, (Cint, Ptr{Cvoid}), LC_ALL, C_NULL)
    return name == C_NULL ? "" : unsafe_string(name)
end

# Only setting it tells what it was.
function read_umask()
    mask = ccall(:umask, Cint, (Cint,), 0o022)
    ccall(:umask, Cint, (Cint,), mask)
    return mask
end

"""
What an unprivileged process can change but not put back: its priority, the processors that it
may use, its limits, and an alarm that will end it.
"""
function lasting()
    Sys.islinux() || return UInt64[]
    found = zeros(UInt64, CPU_SET_BYTES ÷ 8)
    ccall(:sched_getaffinity, Cint, (Cint, Csize_t, Ptr{UInt64}), 0, CPU_SET_BYTES, found)
    push!(found, ccall(:getpriority, Cint, (Cint, Cuint), 0, 0) % UInt64)
    pair = zeros(UInt64, 4)
    for resource in RLIMITS
        ccall(:getrlimit, Cint, (Cint, Ptr{UInt64}), resource, pair)
        append!(found, pair[1:2])
    end
    ccall(:getitimer, Cint, (Cint, Ptr{UInt64}), 0, pair)  # seconds and microseconds: of the interval, and left
    push!(found, any(!iszero, pair))
    return found
end
