# What a task reports of itself as named series of numbers: a loss, an energy, a residual.
#
# They are thinned as they come. A series is a row of buckets, each of which has seen as many
# reports as the others and keeps the smallest and the largest of them; where there are too many
# buckets, each two neighbours become one. So a curve keeps its shape and every peak, whatever
# its length, a report costs the same, and the same reports always leave the same points.

module Series

# A loop reports a million times; the rest of the runner is compiled for a quick start instead.
if isdefined(Base, :Experimental) && isdefined(Base.Experimental, Symbol("@optlevel"))
    Core.eval(@__MODULE__, :(Base.Experimental.@optlevel 2))
end

const MOST_BUCKETS = 512
const MOST_SERIES = 32

"A report: which it was, its step and its value."
struct Point
    count::Int
    step::Float64
    value::Float64
end

mutable struct Curve
    name::Symbol
    "reports so far, how many of them a bucket takes, and how many the last bucket has taken"
    count::Int
    width::Int
    filled::Int
    first::Point
    last::Point
    low::Vector{Point}
    high::Vector{Point}
end

const NOTHING_YET = Point(0, 0.0, NaN)

Curve(name::Symbol) = Curve(name, 0, 1, 0, NOTHING_YET, NOTHING_YET, Point[], Point[])

# NaN is what a bucket has until there is a number.
lower(a::Point, b::Point) = isnan(a.value) || b.value < a.value ? b : a
higher(a::Point, b::Point) = isnan(a.value) || b.value > a.value ? b : a

function add!(curve::Curve, step::Float64, value::Float64)
    curve.count += 1
    point = Point(curve.count, isfinite(step) ? step : Float64(curve.count), value)
    curve.last = point
    curve.count == 1 && (curve.first = point)
    if curve.filled == curve.width || curve.count == 1
        length(curve.low) == MOST_BUCKETS && halve!(curve)
    end
    if curve.filled == curve.width || curve.count == 1
        push!(curve.low, point)
        push!(curve.high, point)
        curve.filled = 1
    else
        place = length(curve.low)
        @inbounds curve.low[place] = lower(curve.low[place], point)
        @inbounds curve.high[place] = higher(curve.high[place], point)
        curve.filled += 1
    end
    return nothing
end

"Make each two neighbours one bucket."
function halve!(curve::Curve)
    half = length(curve.low) ÷ 2
    for i in 1:half
        curve.low[i] = lower(curve.low[2i-1], curve.low[2i])
        curve.high[i] = higher(curve.high[2i-1], curve.high[2i])
    end
    resize!(curve.low, half)
    resize!(curve.high, half)
    curve.width *= 2
    curve.filled = curve.width  # the last one is full
    return nothing
end

"The points that are kept, in their order, of at most so many buckets; the first and the last report too."
function points(curve::Curve, most::Int = MOST_BUCKETS)
    kept = Point[]
    curve.count == 0 && return kept
    push!(kept, curve.first)
    group = cld(length(curve.low), most)
    for start in 1:group:length(curve.low)
        low, high = curve.low[start], curve.high[start]
        for i in start+1:min(start + group - 1, length(curve.low))
            low, high = lower(low, curve.low[i]), higher(high, curve.high[i])
        end
        for point in (low.count < high.count ? (low, high) : (high, low))
            point.count > kept[end].count && push!(kept, point)
        end
    end
    curve.last.count > kept[end].count && push!(kept, curve.last)
    return kept
end

"The series of the task that runs, when they were last sent, and when the task began."
mutable struct Reports
    curves::Vector{Curve}
    refused::Bool
    sent_at::UInt64
    began::UInt64
    lock::Threads.SpinLock
end

const REPORTS = Reports(Curve[], false, 0, 0, Threads.SpinLock())

function begin!(reports::Reports)
    empty!(reports.curves)
    reports.refused = false
    reports.sent_at = 0
    reports.began = time_ns()
    return nothing
end

"The curve of a name; `nothing` for one more than there may be."
function curve_of(reports::Reports, name::Symbol)
    for curve in reports.curves
        curve.name === name && return curve
    end
    length(reports.curves) < MOST_SERIES || return nothing
    push!(reports.curves, Curve(name))
    return reports.curves[end]
end

"""
Take one report. Returns whether the series are due to be sent, and a name that is one too
many, the first time that there is one.
"""
function note!(reports::Reports, step::Float64, names::Tuple{Vararg{Symbol}}, values::Tuple{Vararg{Float64}})
    refused = nothing
    lock(reports.lock)
    try
        for i in 1:length(names)
            curve = curve_of(reports, names[i])
            if curve !== nothing
                add!(curve, step, values[i])
            elseif !reports.refused
                reports.refused = true
                refused = names[i]
            end
        end
    finally
        unlock(reports.lock)
    end
    return is_due!(reports), refused
end

# Every second at first, and ever more rarely: what a task of an hour reports changes slowly.
const NANOSECONDS = UInt64(10)^9
const LEAST_PERIOD = NANOSECONDS
const MOST_PERIOD = 30 * NANOSECONDS

function is_due!(reports::Reports)
    now = time_ns()
    now - reports.sent_at < clamp((now - reports.began) ÷ 50, LEAST_PERIOD, MOST_PERIOD) && return false
    reports.sent_at = now
    return true
end

end

"How many buckets of each series are sent while a task runs: as many as a small picture shows."
const LIVE_BUCKETS = 64

"Take what a task reports, and send its series when that is due."
function note_report(step::Float64, names::Tuple{Vararg{Symbol}}, values::Tuple{Vararg{Float64}})
    wire = RUNNING.wire
    (RUNNING.job == 0 || wire === nothing) && return nothing
    due, refused = Series.note!(Series.REPORTS, step, names, values)
    refused === nothing ||
        println(stderr, "report: a task has at most ", Series.MOST_SERIES, " series, so ", refused, " is left out")
    due || return nothing
    io = start_frame()
    print(io, "{\"job\":", RUNNING.job, ",\"series\":")
    put_series(io, Series.REPORTS, LIVE_BUCKETS)
    write(io, "}")
    send(wire, FRAME_SERIES, io)
    return nothing
end

"Write all series as one JSON object: of each its steps, its values, and how many reports there were."
function put_series(io::IOBuffer, reports::Series.Reports, most::Int)
    lock(reports.lock)
    kept = try
        [(curve.name, curve.count, Series.points(curve, most)) for curve in reports.curves]
    finally
        unlock(reports.lock)
    end
    write(io, "{")
    for i in 1:length(kept)
        name, count, points = kept[i]
        i > 1 && write(io, ",")
        put_string(io, String(name))
        print(io, ":{\"count\":", count, ",\"steps\":[")
        for k in 1:length(points)
            k > 1 && write(io, ",")
            put_step(io, points[k].step)
        end
        write(io, "],\"values\":[")
        for k in 1:length(points)
            k > 1 && write(io, ",")
            put_number(io, points[k].value)
        end
        write(io, "]}")
    end
    write(io, "}")
    return nothing
end

put_step(io::IOBuffer, x::Float64) = isinteger(x) && abs(x) < 2.0^53 ? print(io, Int(x)) : put_number(io, x)

# A gap in a curve is null, which every reader has.
function put_number(io::IOBuffer, x::Float64)
    isnan(x) ? write(io, "null") : isfinite(x) ? print(io, x) : write(io, "{\"\$float\":\"", x > 0 ? "" : "-", "Infinity\"}")
end
