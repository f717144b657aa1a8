# What a process computes with: Julia's options, and linear algebra

"Options that every process of taskq's has, and that decide nothing of what it computes."
const PLAIN_OPTIONS = r"^(-J|--startup-file|--history-file|--color|--banner|-g1$)"

"""
Julia's options that may decide what code computes, as they would be written in a terminal: `-C native`,
`--check-bounds=yes`. Base's own list has them all (1.5 and later), in one word or two.
"""
function julia_flags()
    words = try
        Base.julia_cmd().exec[2:end]
    catch
        return ""
    end
    return join(filter(word -> match(PLAIN_OPTIONS, word) === nothing, words), " ")
end

"""
    blas_name(algebra) -> String

Which linear algebra is in use: its libraries, and what OpenBLAS says of itself, with the processor that it has
chosen its loops for. It is asked again only where packages were loaded since: one of them may have brought another.
"""
function blas_name(algebra::Union{Module,Nothing})
    algebra === nothing && return ""
    count = package_count()
    KNOWN_BLAS.packages == count && return KNOWN_BLAS.name
    KNOWN_BLAS.name = try
        join(String[described_library(path) for path in blas_libraries(algebra.BLAS)], ", ")
    catch
        ""  # a library that answers otherwise is no reason to fail a task
    end
    KNOWN_BLAS.packages = count
    return KNOWN_BLAS.name
end

"The name of the linear algebra as the code has left it, and its threads."
function blas_in_use()
    algebra = loaded(:LinearAlgebra)
    return (blas_name(algebra), blas_threads(algebra))
end

mutable struct KnownBlas
    packages::Int
    name::String
end

const KNOWN_BLAS = KnownBlas(-1, "")

"The libraries behind BLAS: from 1.7 on those that libblastrampoline hands calls to, before that one."
function blas_libraries(blas::Module)
    isdefined(blas, :get_config) || return String[blas.libblas]
    return String[library.libname for library in blas.get_config().loaded_libs]
end

function described_library(path::String)
    name = replace(basename(path), r"\.(so|dylib|dll).*$" => "")
    told = openblas_config(path)
    return isempty(told) ? name : string(name, " (", told, ")")
end

function openblas_config(path::String)
    libdl = isdefined(Base.Libc, :Libdl) ? Base.Libc.Libdl : loaded(:Libdl)
    libdl === nothing && return ""
    handle = libdl.dlopen_e(path)
    handle == C_NULL && return ""
    for name in (:openblas_get_config64_, :openblas_get_config)
        found = libdl.dlsym_e(handle, name)
        found == C_NULL || return String(strip(unsafe_string(ccall(found, Cstring, ()))))
    end
    return ""
end

"""
What the process has computed in all, in seconds: C's clock counts all of its threads, and 10^6 a second
wherever POSIX is.
"""
cpu_s() = ccall(:clock, Clong, ()) / 1e6
