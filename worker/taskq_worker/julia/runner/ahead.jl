# Tasks that are sent ahead, each a packet in a socket: they wait behind the one that runs, and begin without a word
# from the supervisor, who has enough to do, where the one before has left nothing that he has to look at first.

"The longest packet; packet_queue.py has the same number."
const PACKET_BYTES = 16 * 1024

# Linux's numbers. Where FIONREAD is not known, no task begins before the supervisor has heard of the end of the one before.
const MSG_DONTWAIT = Cint(0x40)
const FIONREAD = Sys.islinux() && Sys.ARCH in (:x86_64, :i686, :aarch64, :arm) ? Culong(0x541b) : Culong(0)

"The request of the task to go on with; `nothing` if there is none, or it was taken back."
function next_ahead(wire::Wire)
    wire.ahead < 0 && return nothing
    packet = Vector{UInt8}(undef, PACKET_BYTES)
    size = GC.@preserve packet ccall(:recv, Cssize_t, (Cint, Ptr{UInt8}, Csize_t, Cint),
        wire.ahead, pointer(packet), PACKET_BYTES, MSG_DONTWAIT)
    return size > 0 ? read_json(resize!(packet, size))::Dict{String,Any} : nothing
end

"How a task's folder is: another once anything was made or changed in it. `nothing` where it is gone."
function state_of(folder::String)
    now = try
        lstat(folder)
    catch  # a folder above it cannot be looked into
        return nothing
    end
    return isdir(now) ? (now.inode, now.mode, now.ctime, now.mtime) : nothing
end

"In which steps the clock of files goes at most, in seconds, with much to spare."
const COARSE_S = 0.1

"Whether any change from now on shows in a folder's state: its last one was not in this very step of that clock."
is_old(state) = state !== nothing && abs(time() - max(state[3], state[4])) > COARSE_S

"""
Whether another task may begin, as far as pipes and folder go, before the supervisor has looked: the one before
has printed nothing that is not read yet, and so could be taken for the next one's, and has left its folder as it was.
"""
function is_spotless(before, was_old::Bool, folder::String)
    before !== nothing && state_of(folder) == before || return false
    was_old || is_empty(folder) || return false
    return is_drained(1) && is_drained(2)
end

function is_empty(folder::String)
    try
        return isempty(readdir(folder))
    catch
        return false
    end
end

"Whether all that was written into a pipe has been read at its other end."
is_drained(fd::Int) = unread_bytes(fd) === 0

"How many bytes are in a pipe, of which either end can tell; `nothing` where it is not known."
function unread_bytes(fd::Int)
    FIONREAD == 0 && return nothing
    count = Ref(Cint(0))
    asked = ccall(:ioctl, Cint, (Cint, Culong, Ptr{Cint}...), fd, FIONREAD, count)
    return asked == 0 ? Int(count[]) : nothing
end
