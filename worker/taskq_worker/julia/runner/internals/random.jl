# Random numbers

"""
Seed Julia's default generator, and C's: from 1.7 on that is the Julia task's own, from which
those that it starts derive theirs.
"""
function seed_default!(random::Union{Module,Nothing}, seed::Int)
    Libc.srand(seed % UInt32)
    random === nothing && return nothing
    random.seed!(seed)
    # Up to 1.6 each thread has a generator of its own, and that was this one's.
    isdefined(random, :THREAD_RNGs) || return nothing
    for thread in 1:Threads.nthreads()
        thread == Threads.threadid() && continue
        random.seed!(random.default_rng(thread), UInt32[seed & 0xffffffff, seed >> 32, thread])
    end
    return nothing
end
