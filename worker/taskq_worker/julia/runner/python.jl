# Included after runner.jl where Julia runs inside Python: what a task returns from there.
#
# numpy arrays, pandas, polars and Arrow tables, lists, dictionaries and numbers reach JSON
# through Julia's arrays over Python's memory, not through text. What has no such form is
# shown as Python shows it: a figure as its picture, anything else as its `repr`.

"How Python's values become values that `TaskqRunner` can write."
module TaskqPython

using PythonCall
import ..TaskqRunner

# The first name is the package's, wherever in it the class is defined.
const TABLES = (("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table"))

function is_table(x::Py)
    type = pytype(x)
    package = first(split(pyconvert(String, pystr(type.__module__)), '.'))
    return (package, pyconvert(String, type.__name__)) in TABLES
end

function TaskqRunner.write_value(w::TaskqRunner.Walk, x::Py)
    if !is_table(x)
        TaskqRunner.put(w, x)
        return "JSON"
    end
    names = pyhasattr(x, "column_names") ? x.column_names : x.columns
    columns = Any[to_julia(x[name].to_numpy()) for name in names]
    TaskqRunner.write_table(w, Any[pyconvert(String, pystr(name)) for name in names], columns)
    return "TABLE"
end

TaskqRunner.put(w::TaskqRunner.Walk, x::Py) = TaskqRunner.put(w, to_julia(x))
TaskqRunner.hopeless(::Type{Py}) = false

"""
    to_julia(x::Py)

The Julia value that `x` stands for: an array over numpy's own memory, a number, a string,
a container whose entries are converted as they are read.
"""
function to_julia(x::Py)
    y = try
        pyconvert(Any, x)
    catch
        x
    end
    y isa Py || return y
    pyhasattr(x, "tolist") && return pyconvert(Any, x.tolist())  # a dtype that Julia lacks
    throw(TaskqRunner.Unsupported("A Python value of type $(pytype(x).__name__) has no form as JSON, so it is shown as text."))
end

end
