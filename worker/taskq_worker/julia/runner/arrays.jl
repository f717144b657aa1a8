# Large arrays of numbers: a file in NumPy's own format, which holds them as they lie in memory.
#
# The format is version 1.0 of https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

"A larger array goes into a file: as JSON it would take several times the room, and minutes."
const LARGE_ARRAY_BYTES = 2^20
"The file's name, in the folder that the task works in."
const ARRAY_FILE = ".taskq-value.npy"

const DESCRIPTIONS = Pair{DataType,String}[
    Bool => "|b1", Int8 => "|i1", UInt8 => "|u1", Int16 => "<i2", UInt16 => "<u2", Int32 => "<i4", UInt32 => "<u4",
    Int64 => "<i8", UInt64 => "<u8", Float16 => "<f2", Float32 => "<f4", Float64 => "<f8",
    Complex{Float32} => "<c8", Complex{Float64} => "<c16",
]

"How NumPy describes numbers of a type; `nothing` where it has no such type."
function numpy_description(@nospecialize(T))
    ENDIAN_BOM == 0x04030201 || return nothing
    for (known, description) in DESCRIPTIONS
        known === T && return description
    end
    return nothing
end

"Whether an array of numbers travels in a file: a large one, and one that is empty in rows or columns, of which JSON loses the shape."
function is_for_file(@nospecialize(x))
    (x isa AbstractArray && ndims(x) > 0 && numpy_description(eltype(x)) !== nothing) || return false
    count = x isa Array ? length(x) : Base.invokelatest(length, x)
    return count isa Int && (count * sizeof(eltype(x)) > LARGE_ARRAY_BYTES || (count == 0 && ndims(x) > 1))
end

"""
    array_value(x, type, text, folder) -> Shown

Put a large array into its file, and say what is there.
"""
function array_value(@nospecialize(x::AbstractArray), type::String, text::String, folder::String)
    items = x isa Array ? x : Base.invokelatest(collect, x)::Array
    description = numpy_description(eltype(items))::String
    open(joinpath(folder, ARRAY_FILE), "w") do file
        write(file, numpy_header(description, size(items)))
        write(file, items)
    end
    io = IOBuffer()
    print(io, "{\"dtype\":\"", description, "\",\"shape\":[", join(size(items), ","), "]}")
    return Shown("ARRAY", type, text, take!(io), "", true)
end

"What stands before the numbers: column by column, as Julia has them."
function numpy_header(description::String, dimensions::Tuple)
    shape = string("(", join(dimensions, ", "), length(dimensions) == 1 ? ",)" : ")")
    text = string("{'descr': '", description, "', 'fortran_order': True, 'shape': ", shape, ", }")
    padding = 63 - (10 + ncodeunits(text)) % 64  # and a line's end: a multiple of 64 in all
    text = string(text, " "^padding, "\n")
    size = ncodeunits(text)
    return UInt8[0x93, codeunits("NUMPY")..., 0x01, 0x00, size % UInt8, (size >> 8) % UInt8, codeunits(text)...]
end

"An array for a file as a value, if it may be kept; `nothing` where it cannot be put into a file, and has to be JSON after all."
function present_array(@nospecialize(x), m::Module, limit::Int, folder::String)
    type, text = type_name(x, m), one_line(x, m)
    bytes = Base.invokelatest(length, x) * sizeof(eltype(x))
    bytes > limit && return as_text(x, m, type, text, string("The array has ", size_text(bytes), ", more than the ",
        size_text(limit), " that are kept, so only its text was kept: return a part of it, or write it to a file."))
    try
        return array_value(x, type, text, folder)
    catch
        return nothing
    end
end
