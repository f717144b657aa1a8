# Frames: how this process and its supervisor talk. docs/protocol.md describes them; a
# test compares that page, frames.py and the constants below.

const PROTOCOL_VERSION = 3
const MAGIC = "TQ"
const HEADER_BYTES = 8

const FRAME_RUN = 0x01
const FRAME_HELLO = 0x11
const FRAME_PROGRESS = 0x12
const FRAME_EVALUATED = 0x13
const FRAME_END = 0x14
const FRAME_BYE = 0x15
const FRAME_SERIES = 0x16
const FRAME_DISPLAY = 0x17

"The file descriptors, and a lock: `progress` may be called from any thread."
struct Wire
    requests::Cint
    frames::Cint
    "where tasks wait that are sent ahead; -1: nowhere"
    ahead::Cint
    lock::Threads.SpinLock
end

const OWN_PID = Ref{Cint}(0)

Wire(requests, frames, ahead = Cint(-1)) = Wire(requests, frames, ahead, Threads.SpinLock())

const F_SETFD = Cint(2)
const FD_CLOEXEC = Cint(1)

"Programs that a task starts must not hold the pipes: the supervisor would never see their end."
function close_on_exec(fd::Cint)
    ccall(:fcntl, Cint, (Cint, Cint, Cint...), fd, F_SETFD, FD_CLOEXEC)
end

# Plain read(2) and write(2), not libuv: while this process waits for its next task, no
# Julia task that an earlier one left behind may run. The GC of other threads may.
function read_some(fd::Cint, buffer::Vector{UInt8}, done::Int, wanted::Int)
    GC.@preserve buffer begin
        return waiting_read(fd, pointer(buffer, done + 1), wanted - done)
    end
end

"Read `wanted` bytes; `nothing` at the end of the stream or on an error."
function read_exactly(fd::Cint, wanted::Int)
    buffer = Vector{UInt8}(undef, wanted)
    done = 0
    while done < wanted
        got = read_some(fd, buffer, done, wanted)
        if got > 0
            done += got
        elseif got == 0 || Libc.errno() != Libc.EINTR
            return nothing
        end
    end
    return buffer
end

"Read one frame: its type and payload; `nothing` when the supervisor is gone."
function receive(wire::Wire)
    header = read_exactly(wire.requests, HEADER_BYTES)
    header === nothing && return nothing
    (header[1] == UInt8('T') && header[2] == UInt8('Q')) || return nothing
    size = 0
    for i in 8:-1:5
        size = size << 8 | Int(header[i])
    end
    payload = read_exactly(wire.requests, size)
    payload === nothing && return nothing
    return header[3], payload
end

"Start a frame: a buffer with room for the header. Write the payload, then `send` it."
function start_frame()
    io = IOBuffer()
    write(io, zeros(UInt8, HEADER_BYTES))
    return io
end

function send(wire::Wire, kind::UInt8, io::IOBuffer)
    # A task that calls fork(2) gets a second runner that believes it should report too.
    getpid() == OWN_PID[] || ccall(:_exit, Cvoid, (Cint,), 0)
    bytes = take!(io)
    size = length(bytes) - HEADER_BYTES
    bytes[1] = UInt8('T')
    bytes[2] = UInt8('Q')
    bytes[3] = kind
    for i in 5:8
        bytes[i] = size % UInt8
        size >>= 8
    end
    lock(wire.lock)
    try
        write_all(wire, bytes)
    finally
        unlock(wire.lock)
    end
end

function write_all(wire::Wire, bytes::Vector{UInt8})
    done = 0
    GC.@preserve bytes while done < length(bytes)
        put = ccall(:write, Cssize_t, (Cint, Ptr{UInt8}, Csize_t), wire.frames, pointer(bytes, done + 1), length(bytes) - done)
        if put >= 0
            done += Int(put)
        elseif Libc.errno() != Libc.EINTR
            wait_for_the_end(wire)
        end
    end
end

# The task has closed the descriptor, or it has written to it what is no frame and the
# supervisor has closed its end. Nobody can be told any more; the supervisor ends us.
function wait_for_the_end(wire::Wire)
    supervisor = ccall(:getppid, Cint, ())
    # One that died before this process was tied to it is no parent any more, and so no sign
    # of its end; but its end of the pipe is gone.
    while ccall(:getppid, Cint, ()) == supervisor && !hung_up(wire.requests)
        ccall(:sleep, Cuint, (Cuint,), 1)
    end
    ccall(:_exit, Cvoid, (Cint,), 1)
end

const POLLIN = Int16(0x01)
const POLLHUP = Int16(0x10)

"Whether nobody holds the other end of a pipe."
hung_up(fd::Cint) = poll_now(fd, Int16(0)) & POLLHUP != 0

"Whether a request is there, and somebody waits for its answer."
is_asked(wire::Wire) = poll_now(wire.requests, POLLIN) & (POLLIN | POLLHUP) == POLLIN

"What poll(2) says of a descriptor, at once."
function poll_now(fd::Cint, events::Int16)
    watched = Ref((fd, events, Int16(0)))  # struct pollfd: fd, events, revents
    ccall(:poll, Cint, (Ptr{Cvoid}, Culong, Cint), watched, 1, 0) > 0 || return Int16(0)
    return watched[][3]
end
