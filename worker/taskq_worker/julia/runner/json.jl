# JSON, as far as frames need it: strings out, whole documents in.

"""
    put_string(io, text) -> Bool

Write `text` as a JSON string. What is not valid UTF-8 becomes U+FFFD; the answer says
whether there was any.
"""
function put_string(io::IOBuffer, text::String)
    write(io, UInt8('"'))
    clean = isvalid(text)
    if clean
        put_valid(io, text)
    else
        for c in text
            put_char(io, c)
        end
    end
    write(io, UInt8('"'))
    return !clean
end

# Runs of ordinary bytes are copied whole; in valid UTF-8 only these need escaping.
function put_valid(io::IOBuffer, text::String)
    start = 1
    bytes = codeunits(text)
    for i in 1:length(bytes)
        byte = @inbounds bytes[i]
        if byte < 0x20 || byte == UInt8('"') || byte == UInt8('\\') || byte == 0x7f
            put_run(io, text, start, i - 1)
            put_escaped(io, byte)
            start = i + 1
        end
    end
    put_run(io, text, start, length(bytes))
end

function put_run(io::IOBuffer, text::String, from::Int, to::Int)
    to >= from && GC.@preserve text unsafe_write(io, pointer(text, from), UInt(to - from + 1))
    return nothing
end

const HEX = codeunits("0123456789abcdef")

function put_escaped(io::IOBuffer, byte::UInt8)
    write(io, UInt8('\\'))
    if byte == UInt8('\n')
        write(io, UInt8('n'))
    elseif byte == UInt8('"') || byte == UInt8('\\')
        write(io, byte)
    else
        write(io, "u00")
        write(io, HEX[byte>>4+1])
        write(io, HEX[byte&0x0f+1])
    end
end

function put_char(io::IOBuffer, c::Char)
    if !isvalid(c)
        write(io, "\ufffd")
    elseif c < ' ' || c == '"' || c == '\\' || c == '\x7f'
        put_escaped(io, UInt8(c))
    else
        write(io, c)
    end
end

"Where the reader stands in a document."
mutable struct Reader
    bytes::Vector{UInt8}
    at::Int
end

struct JSONError <: Exception
    at::Int
end

"""
    read_json(bytes)

Read a JSON document. Objects become `Dict{String,Any}`; integers `Int`, or `BigInt` where
they are too large; other numbers `Float64`, or `BigFloat` where they have more digits than
that; arrays of one kind of number, string or boolean become typed vectors. Objects with one
key that begins with `\$` become what taskq writes so: long integers, NaN and infinities,
numbers of any precision, complex and rational numbers, dictionaries with keys of other kinds,
ranges and symbols, `missing`, dates and times (dates.jl), arrays of a type and shape (given.jl).
docs/values.md tells the grammar; exact_json.py has the same rules.
"""
function read_json(bytes::Vector{UInt8})
    reader = Reader(bytes, 1)
    value = read_value(reader)
    skip_space(reader)
    reader.at > length(bytes) || throw(JSONError(reader.at))
    return value
end

peek(r::Reader) = r.at <= length(r.bytes) ? @inbounds(r.bytes[r.at]) : 0x00

function skip_space(r::Reader)
    while true
        byte = peek(r)
        (byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09) || break
        r.at += 1
    end
end

function expect(r::Reader, byte::UInt8)
    peek(r) == byte || throw(JSONError(r.at))
    r.at += 1
end

function expect_word(r::Reader, word::String, value)
    for byte in codeunits(word)
        expect(r, byte)
    end
    return value
end

function read_value(r::Reader)
    skip_space(r)
    byte = peek(r)
    byte == UInt8('{') && return untagged(read_object(r))
    byte == UInt8('[') && return narrowed(read_array(r))
    byte == UInt8('"') && return read_string(r)
    byte == UInt8('t') && return expect_word(r, "true", true)
    byte == UInt8('f') && return expect_word(r, "false", false)
    byte == UInt8('n') && return expect_word(r, "null", nothing)
    byte == UInt8('N') && return expect_word(r, "NaN", NaN)
    byte == UInt8('I') && return expect_word(r, "Infinity", Inf)
    return read_number(r)
end

function read_object(r::Reader)
    object = Dict{String,Any}()
    expect(r, UInt8('{'))
    skip_space(r)
    peek(r) == UInt8('}') && (r.at += 1; return object)
    while true
        skip_space(r)
        key = read_string(r)
        skip_space(r)
        expect(r, UInt8(':'))
        object[key] = read_value(r)
        skip_space(r)
        peek(r) == UInt8(',') || break
        r.at += 1
    end
    expect(r, UInt8('}'))
    return object
end

function read_array(r::Reader)
    items = Any[]
    expect(r, UInt8('['))
    skip_space(r)
    peek(r) == UInt8(']') && (r.at += 1; return items)
    while true
        push!(items, read_value(r))
        skip_space(r)
        peek(r) == UInt8(',') || break
        r.at += 1
    end
    expect(r, UInt8(']'))
    return items
end

function read_number(r::Reader)
    start = r.at
    whole = true
    peek(r) == UInt8('-') && (r.at += 1)
    peek(r) == UInt8('I') && return expect_word(r, "Infinity", -Inf)
    while true
        byte = peek(r)
        if byte == UInt8('.') || byte == UInt8('e') || byte == UInt8('E') || byte == UInt8('+') || byte == UInt8('-')
            whole = false
        elseif !(UInt8('0') <= byte <= UInt8('9'))
            break
        end
        r.at += 1
    end
    text = text_of(r, start, r.at - 1)
    number = whole ? whole_number(text) : exact_number(text)
    number === nothing && throw(JSONError(start))
    return number
end

function whole_number(text::String)
    small = tryparse(Int, text)
    return small === nothing ? tryparse(BigInt, text) : small
end

const FLOAT_DIGITS = 17

"A number with a point or an exponent, with all its digits; `nothing` if it is none."
function exact_number(text::String)
    digits = significant(text)
    number = tryparse(Float64, text)  # of what is beyond a Float64 it makes nothing, Inf or 0.0
    held = number !== nothing && isfinite(number) && iszero(number) == isempty(digits)
    return held && ncodeunits(digits) <= FLOAT_DIGITS ? number : big_number(text, ncodeunits(digits))
end

"A `BigFloat` precise enough for that many digits; `nothing` if it is none, or beyond one."
function big_number(text::String, digits::Int)
    bits = max(precision(BigFloat), ceil(Int, digits * log2(10)) + 8)
    number = tryparse(BigFloat, text, precision = bits)
    return number === nothing || isfinite(number) ? number : nothing
end

"The digits of a number that count: without its sign, point, exponent and outer zeros."
function significant(text::String)
    mantissa = split(lowercase(text), 'e')[1]
    return String(strip(filter(isdigit, mantissa), '0'))
end

function read_string(r::Reader)
    expect(r, UInt8('"'))
    start = r.at
    while true  # most strings have no escape: take them whole
        byte = peek(r)
        r.at > length(r.bytes) && throw(JSONError(r.at))
        byte == UInt8('\\') && return read_escaped(r, start)
        r.at += 1
        byte == UInt8('"') && return text_of(r, start, r.at - 2)
    end
end

function text_of(r::Reader, from::Int, to::Int)
    bytes = r.bytes
    return GC.@preserve bytes unsafe_string(pointer(bytes, from), to - from + 1)
end

function read_escaped(r::Reader, start::Int)
    io = IOBuffer()
    write(io, text_of(r, start, r.at - 1))
    while true
        r.at > length(r.bytes) && throw(JSONError(r.at))
        byte = peek(r)
        r.at += 1
        byte == UInt8('"') && return String(take!(io))
        byte == UInt8('\\') ? read_escape(r, io) : write(io, byte)
    end
end

function read_escape(r::Reader, io::IOBuffer)
    byte = peek(r)
    r.at += 1
    byte == UInt8('u') && return read_unicode(r, io)
    if byte == UInt8('n')
        write(io, 0x0a)
    elseif byte == UInt8('"') || byte == UInt8('\\') || byte == UInt8('/')
        write(io, byte)
    elseif byte == UInt8('t')
        write(io, 0x09)
    elseif byte == UInt8('r')
        write(io, 0x0d)
    elseif byte == UInt8('b')
        write(io, 0x08)
    elseif byte == UInt8('f')
        write(io, 0x0c)
    else
        throw(JSONError(r.at))
    end
end

function read_unicode(r::Reader, io::IOBuffer)
    code = read_hex(r)
    if 0xd800 <= code < 0xdc00 && peek(r) == UInt8('\\') && r.at < length(r.bytes) && r.bytes[r.at+1] == UInt8('u')
        back = r.at
        r.at += 2
        low = read_hex(r)
        if 0xdc00 <= low < 0xe000
            return write(io, Char(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)))
        end
        r.at = back
    end
    # Half of a pair is no character. Julia would take it; nothing that follows would.
    return write(io, 0xd800 <= code < 0xe000 ? '\ufffd' : Char(code))
end

function read_hex(r::Reader)
    r.at + 3 <= length(r.bytes) || throw(JSONError(r.at))
    code = tryparse(UInt32, text_of(r, r.at, r.at + 3), base = 16)
    code === nothing && throw(JSONError(r.at))
    r.at += 4
    return code
end

"The largest integer up to which every one is a `Float64`."
const MOST_EXACT = 2^53

function narrowed(items::Vector{Any})
    isempty(items) && return items
    T, holes = typeof(items[1]), false
    for item in items
        typeof(item) === T && continue
        if item === missing || T === Missing
            holes = true
            item === missing || (T = typeof(item))
            continue
        end
        item isa Union{Int,Float64} && (T === Int || T === Float64) || return items
        T = Float64
    end
    # Among floats an integer becomes one; not if that would change it.
    T === Float64 && for item in items
        item isa Int && abs(item) > MOST_EXACT && return items
    end
    holes && return T <: NARROWED || is_time_type(T) ?
        filled(Vector{Union{Missing,T}}(undef, length(items)), items, T) : items
    T === Missing && return Vector{Missing}(missing, length(items))
    T === Int && return filled(Vector{Int}(undef, length(items)), items)
    T === Float64 && return filled(Vector{Float64}(undef, length(items)), items)
    T === String && return filled(Vector{String}(undef, length(items)), items)
    T === Bool && return filled(Vector{Bool}(undef, length(items)), items)
    T === ComplexF64 && return filled(Vector{ComplexF64}(undef, length(items)), items)
    T === BigInt && return filled(Vector{BigInt}(undef, length(items)), items)
    T === BigFloat && return filled(Vector{BigFloat}(undef, length(items)), items)
    is_time_type(T) && return filled(Vector{T}(undef, length(items)), items, T)
    return items
end

"What typed vectors hold."
const NARROWED = Union{Int,Float64,String,Bool,ComplexF64,BigInt,BigFloat}

# With the missing among them, and of dates: rare enough not to be compiled for each type.
function filled(@nospecialize(vector::Vector), items::Vector{Any}, @nospecialize(T))
    for i in 1:length(items)
        item = items[i]
        vector[i] = item isa Int && T === Float64 ? Float64(item) : item
    end
    return vector
end

function filled(vector::Vector{T}, items::Vector{Any}) where {T}
    for i in 1:length(items)
        item = items[i]
        vector[i] = item isa T ? item : T(item::Int)::T
    end
    return vector
end

# A tag whose content does not fit is an object like any other.
function untagged(object::Dict{String,Any})
    length(object) == 1 || return object
    tag, inner = first(object)
    startswith(tag, "\$") || return object
    try
        return tagged(tag, inner, object)
    catch  # a rational number that overflows
        return object
    end
end

function tagged(tag::String, @nospecialize(inner), object::Dict{String,Any})
    if tag == "\$int"
        number = inner isa String ? long_integer(inner) : nothing
        return number === nothing ? object : number
    elseif tag == "\$float"
        number = inner isa String ? any_float(inner) : nothing
        return number === nothing ? object : number
    elseif tag == "\$symbol"
        return inner isa String ? Symbol(inner) : object
    elseif tag == "\$missing"
        return inner === true ? missing : object
    elseif haskey(MOMENT_TAGS, tag)
        return inner isa String ? something(moment(MOMENT_TAGS[tag], inner), object) : object
    elseif tag == "\$range" && inner isa Vector && length(inner) in (2, 3) && all(x -> x isa Real, inner)
        return (:)(inner...)
    elseif inner isa Vector && length(inner) == 2 && all(x -> x isa Real, inner)
        tag == "\$complex" && return complex(inner[1], inner[2])
        tag == "\$rational" && all(x -> x isa Integer, inner) && inner[2] != 0 && return inner[1] // inner[2]
    elseif tag == "\$array" && inner isa Vector && length(inner) in (2, 3)
        return something(array_of(inner[1], inner[2], length(inner) == 3 ? inner[3] : nothing), object)
    elseif tag == "\$dict" && inner isa Vector && all(pair -> pair isa Vector && length(pair) == 2, inner)
        return Dict{Any,Any}(pair[1] => pair[2] for pair in inner)
    end
    return object
end

"Integers of more bits are written in hexadecimal digits: other readers give up at 4,300 decimal ones."
const LONG_BITS = 13_000

function long_integer(text::String)
    occursin(r"^-?0x[0-9a-f]+$", text) || return nothing
    return tryparse(BigInt, replace(text, "0x" => ""), base = 16)
end

function any_float(text::String)
    text == "NaN" && return NaN
    text == "Infinity" && return Inf
    text == "-Infinity" && return -Inf
    occursin(r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$", text) || return nothing
    return big_number(text, ncodeunits(significant(text)))
end
