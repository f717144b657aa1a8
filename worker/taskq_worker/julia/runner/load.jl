# Load the runner into Main: in a copy that is compiled ahead as a package, elsewhere from its source.

"The runner as a package: in a copy that is compiled ahead, TaskqRunner.jl is runner.jl."
function load_package(folder)
    load_path = copy(LOAD_PATH)
    append!(empty!(LOAD_PATH), (folder, "@stdlib"))
    pushfirst!(DEPOT_PATH, folder)
    try
        return Base.require(Base.PkgId("TaskqRunner"))
    finally
        popfirst!(DEPOT_PATH)
        append!(empty!(LOAD_PATH), load_path)
    end
end

if isfile(joinpath(@__DIR__, "TaskqRunner.jl"))
    const TaskqRunner = load_package(@__DIR__)
else
    include(joinpath(@__DIR__, "runner.jl"))
end
