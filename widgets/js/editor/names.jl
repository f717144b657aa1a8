# Writes names.json: the names that Julia and its standard libraries export, by module, for completion.
#
#     julia editor/names.jl > editor/names.json
#
# Operators are left out, and so are libraries that are Julia's own tools.

const LEFT_OUT = ("LibGit2", "Pkg", "REPL", "LibCURL", "SuiteSparse", "Test", "OldPkg", "FileWatching", "CRC32c")
const INNER = (Base.Threads, Base.Iterators, Base.Meta, Base.MathConstants)

wanted(name) = Base.isidentifier(lstrip(String(name), '@')) && !startswith(String(name), r"@?_")
exported(m) = sort!([String(name) for name in names(m) if wanted(name) && name !== nameof(m)])

libraries = Module[]
for name in sort(readdir(Sys.STDLIB))
    (name in LEFT_OUT || endswith(name, "_jll") || !isdir(joinpath(Sys.STDLIB, name))) && continue
    push!(libraries, Base.require(Main, Symbol(name)))
end

found = ["Base" => sort!(union(exported(Base), exported(Core)))]
append!(found, [String(nameof(m)) => exported(m) for m in [INNER..., libraries...]])
# Not exported, and written all the same.
found = [first(one) => first(one) == "Threads" ? sort!(union(last(one), ["@spawn"])) : last(one) for one in found]
lines = ["\"$module_name\": \"$(join(list, ' '))\"" for (module_name, list) in found if !isempty(list)]
println("{\n", join(lines, ",\n"), "\n}")
