# A task's value as JSON, as a table, as something to look at, or else as text.
#
# Julia's own types are walked with this module's methods. A type from anywhere else is
# first turned into one of those, or shown, by its own methods (`Base.invokelatest`), which
# may throw: then the value is text.

"The value cannot be written as JSON."
struct Unsupported <: Exception
    why::String
end

"The value's JSON is longer than it may be."
struct TooLarge <: Exception end

const DEEPEST = 100
const MOST_TEXTS = 1000

"One walk over a value."
mutable struct Walk
    io::IOBuffer
    home::Module
    limit::Int
    "the containers that the walk is inside of"
    path::Vector{Any}
    "levels that tags add to those"
    tagged::Int
    replaced_characters::Bool
    undefined::Bool
    "types of which something inside is given as text, and how many of them"
    texts::Vector{String}
    text_count::Int
    "large arrays that are written apart (parts.jl), where each stands among them, their bytes, how many they may be,
    and whether the walk is in a table"
    parts::Vector{Any}
    places::IdDict{Any,Int}
    parts_bytes::Int
    parts_limit::Int
    in_table::Bool
end

Walk(home::Module, limit::Int, parts_limit::Int = 0) =
    Walk(IOBuffer(), home, limit, [], 0, false, false, [], 0, [], IdDict{Any,Int}(), 0, parts_limit, false)

"What a frame says about a value."
struct Shown
    kind::String
    type::String
    text::String
    data::Vector{UInt8}
    note::String
    "whether the value is in its file, and `data` only tells of it"
    in_file::Bool
end

Shown(kind, type, text, data, note) = Shown(kind, type, text, data, note, false)

"""
    present(x, m, limit, parts_limit = 0, folder = "") -> Shown

Put the value `x` of a task with module `m` into the first form that fits, its JSON no
longer than `limit` bytes, and the large arrays in it no longer than `parts_limit`.
"""
function present(@nospecialize(x), m::Module, limit::Int, parts_limit::Int = 0, folder::String = "")
    type, text = type_name(x, m), one_line(x, m)
    note = ""
    try
        walk = Walk(m, limit, parts_limit)
        kind = write_value(walk, x)
        isempty(walk.parts) && return Shown(kind, type, text, take!(walk.io), notes(walk))
        write_parts(walk, folder) || return present(x, m, limit)
        return Shown(kind, type, text, Vector{UInt8}(string("{\"parts\":", length(walk.parts), "}")), notes(walk), true)
    catch problem
        note = problem isa TooLarge ? too_large(limit) : problem isa Unsupported ? problem.why : not_walked(problem)
        problem isa TooLarge || try
            bundle, left_out = mime_bundle(x, m, limit)
            bundle === nothing || return Shown("MIME", type, text, bundle, left_out)
            isempty(left_out) || (note = left_out)
        catch
        end
    end
    return as_text(x, m, type, text, note)
end

"Values that need no methods but ours to become JSON."
is_plain(@nospecialize(x)) = x isa Union{Nothing,Missing,Bool,Int,Float64,String,Symbol,Char} ||
    x isa Array{Float64} || x isa Array{Int} || x isa Array{String}

function as_text(@nospecialize(x), m::Module, type::String, text::String, note::String)
    full = shown(x, m)
    if full === nothing
        full = text
        note = string(note, " Its own `show` method failed.")
    elseif ncodeunits(full) >= REPR_BYTES - 4
        note = string(note, " The text is cut at ", REPR_BYTES ÷ 1024, " KiB.")
    end
    io = IOBuffer()
    write(io, "{\"repr\":")
    put_string(io, full)
    write(io, "}")
    return Shown("REPR", type, text, take!(io), note)
end

function too_large(limit::Int)
    return string("As JSON the value is longer than ", size_text(limit), ", so only its text was kept: return a ",
        "summary of it, or write it to a file.")
end

size_text(n::Int) = n >= 2^20 ? string(n ÷ 2^20, " MiB") : n >= 2^10 ? string(n ÷ 2^10, " KiB") : string(n, " bytes")

not_walked(problem) = string("The value could not be read (", nameof(typeof(problem)), "), so it is shown as text.")

no_form(type) = string("A value of type ", type, " has no form as JSON, so it is shown as text: return numbers, ",
    "strings, arrays, dictionaries or named tuples to get data.")

function notes(w::Walk)
    said = String[]
    isempty(w.texts) || push!(said, string("Values of type ", join(w.texts, ", "), " inside are given as text."))
    w.undefined && push!(said, "Undefined entries are given as null.")
    w.replaced_characters && push!(said, "Bytes that are not valid UTF-8 were replaced by \ufffd.")
    return join(said, " ")
end

# Scalars

put_text(w::Walk, text::String) = (put_string(w.io, text) && (w.replaced_characters = true); check_size(w))

check_size(w::Walk) = position(w.io) > w.limit ? throw(TooLarge()) : nothing

put(w::Walk, ::Union{Nothing,Missing}) = write(w.io, "null")
put(w::Walk, x::Bool) = write(w.io, x ? "true" : "false")
put(w::Walk, x::Union{Int8,Int16,Int32,Int64,Int128,UInt8,UInt16,UInt32,UInt64,UInt128}) = print(w.io, x)
put(w::Walk, x::BigInt) = ndigits(x, base = 2) <= LONG_BITS ? put_digits(w, string(x)) : put_long(w, x)
put(w::Walk, x::Union{Float16,Float32,Float64}) = isfinite(x) ? print(w.io, x) : put_special(w, x)
put(w::Walk, x::BigFloat) = !isfinite(x) ? put_special(w, x) : fits(x) ? put_digits(w, string(x)) : put_other(w, x)
put(w::Walk, x::AbstractIrrational) = put(w, Float64(x))
put(w::Walk, x::String) = put_text(w, x)
put(w::Walk, x::Symbol) = put_text(w, String(x))
put(w::Walk, x::Char) = put_text(w, string(x))
put(w::Walk, x::Union{Base.UUID,VersionNumber}) = put_text(w, string(x))

put_digits(w::Walk, digits::String) = (write(w.io, digits); check_size(w))

function put_long(w::Walk, x::BigInt)
    write(w.io, "{\"\$int\":\"", x < 0 ? "-0x" : "0x")
    put_digits(w, string(abs(x), base = 16))
    write(w.io, "\"}")
    return nothing
end

"Powers of two that a number may have, either way: its power of ten is less than a million then."
const MOST_POWER = 3_000_000

"Whether a finite number is one that every reader holds."
fits(x::BigFloat) = iszero(x) || abs(exponent(x)) <= MOST_POWER

function put_special(w::Walk, x::AbstractFloat)
    write(w.io, "{\"\$float\":\"", isnan(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity", "\"}")
end

put(w::Walk, x::Complex) = is_double(real(x)) && is_double(imag(x)) ?
    put_tagged(w, "\$complex", real(x), imag(x)) : put_other(w, x)
put(w::Walk, x::Rational) = put_tagged(w, "\$rational", numerator(x), denominator(x))

# Complex numbers are of double precision everywhere but in Julia.
is_double(@nospecialize(x::Real)) =
    !(x isa Union{BigFloat,BigInt,Rational{BigInt}}) || !isfinite(x) || isfinite(Float64(x))

function put_tagged(w::Walk, tag::String, @nospecialize(a), @nospecialize(b))
    write(w.io, "{\"", tag, "\":[")
    put(w, a)
    write(w.io, ",")
    put(w, b)
    write(w.io, "]}")
    return nothing
end

# Containers

# No closures over values in this file: Julia would compile them anew for each type.

"Walk into a container: not into itself, not too deep. `leave!` it at its end."
function enter!(w::Walk, @nospecialize(x))
    for outer in w.path
        outer === x && throw(Unsupported("The value contains itself, so it is shown as text."))
    end
    length(w.path) + w.tagged < DEEPEST ||
        throw(Unsupported("The value is nested too deeply for JSON, so it is shown as text."))
    push!(w.path, x)
    return nothing
end

function leave!(w::Walk)
    pop!(w.path)
    check_size(w)
end

function put(w::Walk, @nospecialize(x::Array))
    is_part(w, x) && return put_part(w, x)
    T = eltype(x)
    isempty(w.path) && hopeless(T) && throw(Unsupported(no_form(type_name(x, w.home))))
    2 * length(x) > w.limit && throw(TooLarge())
    enter!(w, x)
    ndims(x) == 1 ? put_items(w, x) : put_slices(w, x, 1, 1)
    leave!(w)
end

# Numbers in a row: the one place where speed matters.
function put_items(w::Walk, x::Union{Vector{Float64},Vector{Int}})
    io = w.io
    write(io, UInt8('['))
    for i in 1:length(x)
        i > 1 && write(io, UInt8(','))
        value = @inbounds x[i]
        isfinite(value) ? print(io, value) : put_special(w, value)
        i & 0xfff == 0 && check_size(w)
    end
    write(io, UInt8(']'))
    return nothing
end

function put_items(w::Walk, @nospecialize(x))
    write(w.io, UInt8('['))
    for i in 1:length(x)
        i > 1 && write(w.io, UInt8(','))
        put_entry(w, x, i)
    end
    write(w.io, UInt8(']'))
    return nothing
end

function put_entry(w::Walk, @nospecialize(x), i::Int)
    if isassigned(x, i)
        put(w, x[i])
    else
        w.undefined = true
        write(w.io, "null")
    end
    i & 0xff == 0 && check_size(w)
    return nothing
end

# An array of more dimensions, the first index outermost: `start` is the linear index of
# the slice's first entry, `dimension` the one that is walked here.
function put_slices(w::Walk, @nospecialize(x::Array), dimension::Int, start::Int)
    dimension > ndims(x) && return put_entry(w, x, start)
    stride = 1
    for d in 1:dimension-1
        stride *= size(x, d)
    end
    write(w.io, UInt8('['))
    for i in 0:size(x, dimension)-1
        i > 0 && write(w.io, UInt8(','))
        put_slices(w, x, dimension + 1, start + i * stride)
    end
    write(w.io, UInt8(']'))
    return nothing
end

put(w::Walk, @nospecialize(x::AbstractArray)) = put(w, collect_checked(w, x))
put(w::Walk, @nospecialize(x::AbstractSet)) = put(w, collect_checked(w, x))

"Arrays and sets of every other kind, as an `Array`: by their own methods."
function collect_checked(w::Walk, @nospecialize(x))
    length_of = Base.invokelatest(length, x)
    fits = is_part(w, x) ? length_of * sizeof(eltype(x)) <= w.parts_limit : 2 * length_of <= w.limit
    fits || throw(TooLarge())
    items = parentmodule(typeof(x)) === Base ? collect(x) : Base.invokelatest(collect, x)
    items isa Array || throw(Unsupported(no_form(type_name(x, w.home))))
    return items
end

function put(w::Walk, @nospecialize(x::Union{Tuple,Pair}))
    enter!(w, x)
    write(w.io, UInt8('['))
    for i in 1:nfields(x)
        i > 1 && write(w.io, UInt8(','))
        put(w, getfield(x, i))
    end
    write(w.io, UInt8(']'))
    leave!(w)
end

function put(w::Walk, @nospecialize(x::NamedTuple))
    enter!(w, x)
    put_pairs(w, names_of(x), fields(x))
    leave!(w)
end

function put(w::Walk, @nospecialize(x::AbstractDict))
    pairs = x isa Dict ? collect(x) : Base.invokelatest(collect, x)
    enter!(w, x)
    put_pairs(w, Any[getfield(pair, 1) for pair in pairs], Any[getfield(pair, 2) for pair in pairs])
    leave!(w)
end

# An object, where the keys' texts differ and none looks like one of our tags.
function put_pairs(w::Walk, keys::Vector{Any}, values::Vector{Any})
    texts = String[whole_text(w, key_text(w, key)) for key in keys]
    plain = length(Set(texts)) == length(texts) && !any(text -> startswith(text, "\$"), texts)
    plain || (w.tagged += 3)
    write(w.io, plain ? "{" : "{\"\$dict\":[")
    for i in 1:length(keys)
        i > 1 && write(w.io, ",")
        if plain
            put_text(w, texts[i])
            write(w.io, ":")
            put(w, values[i])
        else
            put_tuple(w, keys[i], values[i])
        end
    end
    write(w.io, plain ? "}" : "]}")
    plain || (w.tagged -= 3)
    return nothing
end

"Text with its broken bytes replaced, as it will stand in JSON: two keys may be one then."
function whole_text(w::Walk, text::String)
    isvalid(text) && return text
    w.replaced_characters = true
    return map(c -> isvalid(c) ? c : '\ufffd', text)
end

function put_tuple(w::Walk, @nospecialize(key), @nospecialize(value))
    write(w.io, "[")
    put(w, key)
    write(w.io, ",")
    put(w, value)
    write(w.io, "]")
    return nothing
end

function key_text(w::Walk, @nospecialize(key))
    key isa String && return key
    key isa Symbol && return String(key)
    key isa Union{Int,Float64,Bool,Char} && return string(key)
    return String(Base.invokelatest(string, key))
end

# Everything else

function put(w::Walk, @nospecialize(x))
    if x isa AbstractString
        put_text(w, String(Base.invokelatest(String, x)))
    elseif x isa Base.Enums.Enum || is_time(x) || x isa AbstractChar
        put_text(w, String(Base.invokelatest(string, x)))
    else
        put_other(w, x)
    end
    return nothing
end

# Inside a container one odd value becomes text; alone it has better forms than JSON.
function put_other(w::Walk, @nospecialize(x))
    isempty(w.path) && throw(Unsupported(no_form(type_name(x, w.home))))
    w.text_count += 1
    w.text_count <= MOST_TEXTS || throw(Unsupported(no_form(type_name(x, w.home))))
    name = type_name(x, w.home)
    name in w.texts || push!(w.texts, name)
    put_text(w, one_line(x, w.home))
    return nothing
end

# Dates is not Base; it need not be loaded here to know its types.
is_time(@nospecialize(x)) = is_time_type(typeof(x))

function is_time_type(@nospecialize(T))
    return nameof(parentmodule(T)) === :Dates && nameof(T) in (:Date, :DateTime, :Time)
end

"Whether an array of these has no form as JSON."
function hopeless(@nospecialize(T))
    T <: Union{Function,Type,Module,Task,Exception} && T !== Union{} && return true
    isconcretetype(T) || return false
    T <: Union{Nothing,Missing,Number,AbstractString,AbstractChar,Symbol,AbstractArray,AbstractDict,AbstractSet} &&
        return T <: Number && !is_number(T)
    T <: Union{Tuple,NamedTuple,Pair,Base.Enums.Enum,Base.UUID,VersionNumber} && return false
    return !(nameof(parentmodule(T)) === :Dates)
end

function is_number(@nospecialize(T))
    home = parentmodule(T)
    return home === Core || home === Base || home === Base.GMP || home === Base.MPFR
end
