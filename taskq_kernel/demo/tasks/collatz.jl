# The longest Collatz chain below a million
#
# Halve an even number, triple an odd one and add 1: do all end at 1? What is printed is in
# the task's log.
parameters = [
    (name = :limit, default = 999_999, label = "Largest start", minimum = 10, maximum = 10_000_000, step = 1_000,
     help = "Every number up to this one is tried."),
]

function steps(n, known)
    count = 0
    while n != 1
        if n <= length(known) && known[n] > 0
            return count + known[n]
        end
        n = iseven(n) ? n ÷ 2 : 3n + 1
        count += 1
    end
    return count
end

function longest(limit)
    known = zeros(Int, limit)
    best, record = 1, 0
    for n in 2:limit
        known[n] = steps(n, known)
        if known[n] > record
            best, record = n, known[n]
            println("$n takes $record steps")
        end
    end
    return best, record
end

start, record = longest(limit)
(start = start, steps = record)
