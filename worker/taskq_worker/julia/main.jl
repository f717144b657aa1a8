# The julia executable starts here: `julia main.jl REQUESTS_FD FRAMES_FD EXECUTABLE`.
# A host that loads Julia as a library includes runner.jl and calls `TaskqRunner.main` itself.

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
TaskqRunner.use_host_libraries(ARGS[3])
TaskqRunner.main(parse(Int32, ARGS[1]), parse(Int32, ARGS[2]))
