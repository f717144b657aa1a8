# Queens on a chessboard
#
# In how many ways can n queens stand on an n × n board so that none attacks another? The
# search keeps the attacked columns and diagonals as bits.
parameters = [
    (name = :largest, default = 12, label = "Largest board", minimum = 4, maximum = 14, step = 1,
     help = "Boards from 4 × 4 up to this side."),
]

function ways(n, columns = 0, left = 0, right = 0)
    full = (1 << n) - 1
    columns == full && return 1
    found = 0
    free = full & ~(columns | left | right)
    while free != 0
        bit = free & -free
        free ⊻= bit
        found += ways(n, columns | bit, (left | bit) << 1, (right | bit) >> 1)
    end
    return found
end

Dict(n => ways(n) for n in 4:largest)
