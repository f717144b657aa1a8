# The julia executable starts here: `julia main.jl REQUESTS_FD FRAMES_FD AHEAD_FD EXECUTABLE`.
# A host that loads Julia as a library includes load.jl and calls `TaskqRunner.main` itself.

include(joinpath(@__DIR__, "load.jl"))
TaskqRunner.use_host_libraries(ARGS[4])
TaskqRunner.main(parse(Int32, ARGS[1]), parse(Int32, ARGS[2]), parse(Int32, ARGS[3]))
