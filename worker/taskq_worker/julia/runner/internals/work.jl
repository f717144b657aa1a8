# What a process has at work

"Bytes of objects that are in use, or were since the last garbage collection (`gc_num`: 1.5 to 1.12)."
function used_bytes()
    counts = Base.gc_num()
    return Int(ccall(:jl_gc_live_bytes, Int64, ())) + Int(counts.allocd)
end

"Whether an object can be changed, and so can hold itself. `ismutable` is there from 1.5 on."
is_mutable(@nospecialize(x)) = isdefined(Base, :ismutable) ? ismutable(x) : !isimmutable(x)

"Whether `x` is memory for elements: an array, or from 1.11 on what arrays and dictionaries are made of."
is_memory(@nospecialize(x)) = x isa Array || (isdefined(Core, :GenericMemory) && x isa Core.GenericMemory)

# Tasks that are ready to run. Those that wait for a timer, a file or a socket show as
# handles; those that wait for one another can never run again.
function work_waits()
    for queue in work_queues()
        isempty(queue) || return true
    end
    return can_see_spawned() && !Base.Partr.multiq_check_empty()
end

# A vector, with one queue for each thread, up to 1.8; from 1.9 on a queue is made when it is
# first asked for, and from 1.13 on there is no vector any more.
function work_queues()
    isdefined(Base, :workqueue_for) || return Base.Workqueues
    return Any[Base.workqueue_for(thread) for thread in 1:Threads.maxthreadid()]
end

# Before 1.9 the queue of spawned tasks is out of sight.
can_see_spawned() = isdefined(Base, :Partr) && isdefined(Base.Partr, :multiq_check_empty)

const ACTIVE_HANDLES = Ref(0)

function count_handle(handle::Ptr{Cvoid}, ::Ptr{Cvoid})
    active = ccall(:uv_is_active, Cint, (Ptr{Cvoid},), handle) != 0
    closing = ccall(:uv_is_closing, Cint, (Ptr{Cvoid},), handle) != 0
    active && !closing && (ACTIVE_HANDLES[] += 1)
    return nothing
end

"How many timers, sockets, child processes and the like the event loop watches."
function active_handles()
    ACTIVE_HANDLES[] = 0
    visit = @cfunction(count_handle, Cvoid, (Ptr{Cvoid}, Ptr{Cvoid}))
    ccall(:uv_walk, Cvoid, (Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid}), Base.eventloop(), visit, C_NULL)
    return ACTIVE_HANDLES[]
end
