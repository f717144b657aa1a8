# In a copy that is compiled ahead stands which methods an earlier start compiled, as Julia's
# own option --trace-compile writes it. Elsewhere there is nothing to do.

function precompile_statements(file::String)
    for line in eachline(file)
        # There the module was in Main, here it is a package.
        statement = replace(line, "Main.TaskqRunner" => "TaskqRunner")
        try
            Core.eval(@__MODULE__, Meta.parse(statement))
        catch
            # Names of warm-up tasks, and of packages that are not there: no loss.
        end
    end
end

let statements = joinpath(RUNNER_FOLDER, "statements.jl")
    isfile(statements) && precompile_statements(statements)
end
