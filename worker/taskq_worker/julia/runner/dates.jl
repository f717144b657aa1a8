# Dates and times among arguments, as what Julia has for them.
#
# Dates is a package of the standard library. Some releases of Julia have it from the start; in others it is
# loaded when the first date comes, because that takes as long as a whole short task.

const DATES = Ref{Union{Nothing,Module}}(nothing)

function dates()
    DATES[] === nothing && (DATES[] = standard_library("Dates", "ade2ca70-3891-5945-98fb-dc099432e06a"))
    return DATES[]::Module
end

const MOMENT_TAGS = Dict{String,Symbol}("\$date" => :Date, "\$datetime" => :DateTime, "\$time" => :Time)

const DATE_TEXT = r"^(-\d{3,9}|\d{4,9})-(\d\d)-(\d\d)$"
const TIME_TEXT = r"^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?$"

"""
    moment(kind, text)

The `Date`, `DateTime` or `Time` that a text in ISO 8601 means; `nothing` where it is none of that kind.
"""
function moment(kind::Symbol, text::String)
    kind === :Date && return moment(kind, date_parts(text))
    kind === :Time && return moment(kind, time_parts(text))
    kind === :DateTime || return nothing
    day, found, hours = split_once(text, 'T')
    found || return nothing
    date, time = date_parts(day), time_parts(hours)
    # It has milliseconds, and nothing below them.
    (date === nothing || time === nothing || time[5] != 0 || time[6] != 0) && return nothing
    return moment(kind, Int[date; time[1:4]])
end

moment(::Symbol, ::Nothing) = nothing
# It may have been loaded just now, after this code's world began.
moment(kind::Symbol, parts::Vector{Int}) = Base.invokelatest(value_of(dates(), kind), parts...)

function split_once(text::String, mark::Char)
    at = findfirst(isequal(mark), text)
    at === nothing && return text, false, ""
    return text[1:prevind(text, at)], true, text[nextind(text, at):end]
end

function date_parts(text::String)
    found = match(DATE_TEXT, text)
    return found === nothing ? nothing : Int[parse(Int, part) for part in found.captures]
end

"Hours, minutes, seconds, milliseconds, microseconds, nanoseconds."
function time_parts(text::String)
    found = match(TIME_TEXT, text)
    found === nothing && return nothing
    below = rpad(something(found.captures[4], ""), 9, '0')
    return Int[parse(Int, part) for part in (found.captures[1:3]..., below[1:3], below[4:6], below[7:9])]
end
