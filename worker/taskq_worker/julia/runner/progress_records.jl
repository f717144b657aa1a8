# Progress that comes as records of a log, as ProgressLogging.jl and packages that use it write them.
#
# They are known by their shape, so that no package has to be loaded: a message that is a
# `Progress` or holds one, or a keyword `progress` with a fraction, `nothing`, NaN or "done".
# One may be inside of another: by the id of its parent, or, where none is given (nested
# `@progress`), because it has begun while another went on. The outermost is what counts.

"One progress that has begun and is not done."
mutable struct Going
    id::Any
    name::String
    "0 to 1; NaN where it is not known"
    fraction::Float64
end

"What a record says."
struct Said
    id::Any
    name::String
    fraction::Float64
    done::Bool
end

"Those that go on, the outermost first."
const GOING = Going[]
const GOING_LOCK = Threads.SpinLock()
"No task has more of them at once; what never ends must not gather."
const MOST_GOING = 64

"""
    take_progress(message, id, keywords, is_quiet) -> Bool

Take a record of a log for progress if it is one. Returns whether it is nothing else: one that
was logged at the level of Info or above by its keyword stays a line of the log as well.
"""
function take_progress(@nospecialize(message), @nospecialize(id), @nospecialize(keywords), is_quiet::Bool)
    shaped = shaped_progress(message)
    said = shaped === nothing ? said_by_keyword(message, id, keywords) : said_by_shape(shaped)
    said === nothing && return false
    in_runner_world(tell_progress, said)
    return is_quiet || shaped !== nothing
end

const SHAPE = (:id, :fraction, :name, :done)

"The message itself, or what it holds in its field `progress`, where that has a progress's fields."
function shaped_progress(@nospecialize(message))
    has_shape(message) && return message
    hasfield(typeof(message), :progress) || return nothing
    inner = getfield(message, :progress)
    return has_shape(inner) ? inner : nothing
end

function has_shape(@nospecialize(x))
    T = typeof(x)
    for name in SHAPE
        hasfield(T, name) || return false
    end
    return true
end

function said_by_shape(@nospecialize(progress))
    fraction = fraction_of(getfield(progress, :fraction))
    fraction === nothing && return nothing
    return Said(getfield(progress, :id), name_text(getfield(progress, :name)), fraction, getfield(progress, :done) === true)
end

function said_by_keyword(@nospecialize(message), @nospecialize(id), @nospecialize(keywords))
    haskey(keywords, :progress) || return nothing
    value = keywords[:progress]
    value isa AbstractString && return value == "done" ? Said(id, "", NaN, true) : nothing
    fraction = fraction_of(value)
    return fraction === nothing ? nothing : Said(id, name_text(message), fraction, false)
end

fraction_of(::Nothing) = NaN
fraction_of(x::Real) = Float64(x)
fraction_of(@nospecialize(x)) = nothing

name_text(name::String) = name
name_text(@nospecialize(name)) = first(string(name), 200)

"Note what a record says, and send what it comes to."
function tell_progress(said::Said)
    lock(GOING_LOCK)
    told = try
        note_progress!(GOING, said)
    finally
        unlock(GOING_LOCK)
    end
    told === nothing && return nothing
    outer, inner = told
    report_progress(outer.fraction, progress_text(outer, inner))
    return nothing
end

"The outermost progress and the one that was told of, as they are now; `nothing` where nothing is known of it."
function note_progress!(going::Vector{Going}, said::Said)
    place = findfirst(one -> one.id === said.id, going)
    ends = said.done || said.fraction >= 1
    if place === nothing
        said.done && return nothing
        length(going) >= MOST_GOING && deleteat!(going, 2)
        push!(going, Going(said.id, said.name, said.fraction))
        place = length(going)
    else
        isempty(said.name) || (going[place].name = said.name)
        isnan(said.fraction) || (going[place].fraction = said.fraction)
    end
    outer, inner = going[1], going[place]
    # What has begun inside ends with it, though it may say so later, or never.
    ends && (place == 1 ? empty!(going) : deleteat!(going, place))
    ends && (inner.fraction = 1.0)
    return outer, inner
end

function progress_text(outer::Going, inner::Going)
    inner === outer && return outer.name
    share = isnan(inner.fraction) ? "" : string(round(Int, 100 * clamp(inner.fraction, 0.0, 1.0)), " %")
    below = isempty(inner.name) ? share : isempty(share) ? inner.name : string(inner.name, " ", share)
    return isempty(outer.name) ? below : isempty(below) ? outer.name : string(outer.name, ": ", below)
end
