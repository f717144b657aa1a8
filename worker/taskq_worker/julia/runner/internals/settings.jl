# What Julia keeps for the whole process, beside what has public functions

displays() = Base.Multimedia.displays

"The least level that any logger is asked about: what `disable_logging` sets."
logging_level() = Base.CoreLogging._min_enabled_level[]
logging_level!(level) = (Base.CoreLogging._min_enabled_level[] = level)

"How often a logger has written what has a `maxlog`, by where it stands."
message_counts(logger::TaskLogger) = message_counts(logger.console)
message_counts(logger) = hasfield(typeof(logger), :message_limits) ? logger.message_limits : nothing

"Rounding of machine numbers, as C's fegetround(3) has it."
float_rounding() = ccall(:fegetround, Cint, ())
float_rounding!(mode::Cint) = ccall(:fesetround, Cint, (Cint,), mode)

big_exponents() = (Int(Base.MPFR.get_emin()), Int(Base.MPFR.get_emax()))
big_exponents!(least::Int, most::Int) = (Base.MPFR.set_emin!(least); Base.MPFR.set_emax!(most); nothing)

"Threads of BLAS; 0 where it is not loaded or does not tell. `BLAS.get_num_threads` is there from 1.6 on."
function blas_threads(algebra::Union{Module,Nothing})
    algebra === nothing && return 0
    isdefined(algebra.BLAS, :get_num_threads) && return Int(algebra.BLAS.get_num_threads())
    return openblas_threads(algebra.BLAS.libblas)
end

function openblas_threads(library::String)
    OPENBLAS_THREADS[] == C_NULL && (OPENBLAS_THREADS[] = openblas_function(library))
    return OPENBLAS_THREADS[] == ABSENT ? 0 : Int(ccall(OPENBLAS_THREADS[], Cint, ()))
end

function openblas_function(library::String)
    libdl = loaded(:Libdl)
    libdl === nothing && return ABSENT
    handle = libdl.dlopen_e(library)
    for name in (:openblas_get_num_threads64_, :openblas_get_num_threads)
        handle == C_NULL && break
        found = libdl.dlsym_e(handle, name)
        found == C_NULL || return found
    end
    return ABSENT
end

const ABSENT = Ptr{Cvoid}(1)
const OPENBLAS_THREADS = Ref{Ptr{Cvoid}}(C_NULL)

"Functions that Julia calls at certain events, but for those at its exit."
function hooks()
    found = Any[]
    for name in (:package_callbacks, :include_callbacks)
        isdefined(Base, name) && append!(found, getfield(Base, name))
    end
    if isdefined(Base, :Experimental) && isdefined(Base.Experimental, :_hint_handlers)
        for (_, handlers) in Base.Experimental._hint_handlers
            append!(found, handlers)
        end
    end
    return found
end

exit_hooks() = Base.atexit_hooks

"Variables of Base itself with a plain value: whether output has colours, whether there is a REPL, and the like."
function plain_variables()
    found = Tuple{Symbol,Any}[]
    for name in names(Base; all = true)
        (isdefined(Base, name) && !isconst(Base, name)) || continue
        value = getfield(Base, name)
        is_plain_setting(value) && push!(found, (name, value))
    end
    return found
end

is_plain_setting(@nospecialize(x)) = x === nothing || x isa Bool || x isa String || x isa Symbol
