# Values that are tables: columns of equal length, rows with the same names, data frames.

function write_value(w::Walk, @nospecialize(x))
    if x isa NamedTuple && is_table(fields(x))
        write_table(w, names_of(x), fields(x))
    elseif (x isa Dict{String} || x isa Dict{Symbol}) && is_table(collect(Any, values(x)))
        names = sort!(collect(Any, keys(x)))
        write_table(w, names, Any[x[name] for name in names])
    elseif x isa Vector && isempty(x) && names_of_rows(eltype(x)) !== ()
        names = Any[name for name in names_of_rows(eltype(x))]
        write_table(w, names, Any[Any[] for _ in names])
    elseif x isa Vector && is_table_of_rows(x)
        names = names_of(x[1])
        write_table(w, names, Any[Any[getfield(row, i) for row in x] for i in 1:length(names)])
    elseif tables_know(x)
        columns = Base.invokelatest(columns_of, x)
        write_table(w, names_of(columns), fields(columns))
    else
        put(w, x)
        return "JSON"
    end
    return "TABLE"
end

# Without `keys` and `values`, which Julia would compile anew for each kind of named tuple.
fields(@nospecialize(x)) = Any[getfield(x, i) for i in 1:nfields(x)]
names_of(@nospecialize(x)) = Any[name for name in fieldnames(typeof(x))]

function is_table(columns::Vector{Any})
    isempty(columns) && return false
    rows = -1
    for column in columns
        column isa AbstractVector || return false
        size = (column isa Vector ? length(column) : Base.invokelatest(length, column))::Int
        rows == -1 && (rows = size)
        size == rows || return false
    end
    return true
end

# What a filter leaves of a table may be no row at all: then the rows' type still has the columns' names.
function names_of_rows(@nospecialize(T))
    (T isa Type && T <: NamedTuple && T !== Union{}) || return ()
    named = unwrapped(T)
    names = named isa DataType ? named.parameters[1] : ()
    return names isa Tuple ? names : ()  # not of `NamedTuple` alone, which has any names
end

function is_table_of_rows(@nospecialize(x::Vector))
    (isempty(x) || !(eltype(x) <: NamedTuple || eltype(x) === Any)) && return false
    names = nothing
    for i in 1:length(x)
        isassigned(x, i) || return false
        row = x[i]
        row isa NamedTuple && nfields(row) > 0 || return false
        names === nothing && (names = fieldnames(typeof(row)))
        fieldnames(typeof(row)) == names || return false
    end
    return true
end

const TABLES = Base.PkgId(Base.UUID("bd369af6-aec1-5ad0-b16a-f7cc5008161c"), "Tables")

# Whatever a package presents as a table by way of Tables.jl: data frames, query results.
function tables_know(@nospecialize(x))
    (x isa Union{AbstractArray,AbstractDict,NamedTuple,Tuple,Number,AbstractString,Nothing,Missing,Symbol,Function}) &&
        return false
    tables = loaded(TABLES)
    return tables !== nothing && Base.invokelatest(value_of(tables, :istable), x) === true
end

columns_of(@nospecialize(x)) = value_of(loaded(TABLES), :columntable)(x)

function write_table(w::Walk, names::Vector{Any}, columns::Vector{Any})
    w.in_table = true
    write(w.io, "{\"columns\":{")
    for i in 1:length(names)
        i > 1 && write(w.io, ",")
        put_text(w, string(names[i]))
        write(w.io, ":")
        put(w, columns[i])
    end
    write(w.io, "}")
    write_types(w, names, columns)
    write(w.io, "}")
    return nothing
end

"Write the types of the columns that their JSON does not tell."
function write_types(w::Walk, names::Vector{Any}, columns::Vector{Any})
    before = ",\"types\":{"
    for i in 1:length(names)
        T, holes = column_type(columns[i])
        needed = holes || !(T in (Int, Float64, Bool, String)) || Base.invokelatest(length, columns[i]) == 0
        (needed && has_column_type(T)) || continue
        write(w.io, before)
        put_text(w, string(names[i]))
        write(w.io, ":")
        name = isempty(T.parameters) ? String(nameof(T)) : string(T)
        put_text(w, holes ? string("Union{Missing, ", name, "}") : name)
        before = ","
    end
    before == "," && write(w.io, "}")
    return nothing
end

"What the entries of a column are, and whether some may be missing; a column of `Any`, as rows make, is looked through."
function column_type(@nospecialize(column))
    T = eltype(column)
    T isa Union && Missing in (T.a, T.b) && return T.a === Missing ? T.b : T.a, true
    (T === Any && column isa Vector) || return T, false
    found, holes = Union{}, false
    for i in 1:length(column)
        isassigned(column, i) || return Any, false
        S = typeof(column[i])
        S === Missing && (holes = true; continue)
        found === Union{} && (found = S)
        S === found || return Any, false
    end
    return found, holes
end

"Whether there are columns of this type elsewhere, too."
function has_column_type(@nospecialize(T))
    (T isa DataType && T !== Union{}) || return false
    return T === String || (T <: Number && is_number(T)) || nameof(parentmodule(T)) === :Dates
end
