# Files

"A stream's file descriptor as C's number: `fd` gives an integer up to 1.11, from 1.12 on a `RawFD`."
descriptor(stream::IO) = descriptor(fd(stream))
descriptor(number::Integer) = Cint(number)
descriptor(raw::RawFD) = reinterpret(Cint, raw)

"""
read(2), which may wait, while the garbage collector of other threads may run.

Up to 1.11 only these two functions let it; they are there in all versions.
"""
function waiting_read(fd::Cint, place::Ptr{UInt8}, size::Int)
    state = ccall(:jl_gc_safe_enter, Int8, ())
    got = ccall(:read, Cssize_t, (Cint, Ptr{UInt8}, Csize_t), fd, place, size)
    ccall(:jl_gc_safe_leave, Cvoid, (Int8,), state)
    return Int(got)
end
