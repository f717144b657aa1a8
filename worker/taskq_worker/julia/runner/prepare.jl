# Install and compile the packages of the project in the folder JULIA_PROJECT: `julia prepare.jl PACKAGE...`.
#
# The arguments are the packages that the project needs from elsewhere: those that lie in the folder aside.
# Where all of them are of the standard library, no registry is asked for; a worker may have none in reach.

include(joinpath(@__DIR__, "ties.jl"))
tie_to_supervisor()
take_limits()

import Pkg

"Registries that have no packages, so that Pkg does not go and fetch one."
const NO_REGISTRY = """
name = "None"
uuid = "7d2f53a0-3c8b-4f0e-9a51-6c1f0d0f2b1e"
repo = "none"

[packages]
"""

has_manifest() = any(name -> isfile(joinpath(ENV["JULIA_PROJECT"], name)),
    ("Manifest.toml", "JuliaManifest.toml", string("Manifest-v", VERSION.major, ".", VERSION.minor, ".toml")))

"Install with what this machine has; whether that could be done."
function installs_alone(packages)
    all(name -> isdir(joinpath(Sys.STDLIB, name)), packages) || return false
    depot = mktempdir()
    mkpath(joinpath(depot, "registries", "None"))
    write(joinpath(depot, "registries", "None", "Registry.toml"), NO_REGISTRY)
    push!(DEPOT_PATH, depot)
    try
        has_manifest() ? Pkg.instantiate() : Pkg.resolve()
        return true
    catch
        return false  # some of the standard library are packages that a registry has in newer Julias
    finally
        pop!(DEPOT_PATH)
    end
end

try
    installs_alone(ARGS) || Pkg.instantiate()
catch problem
    print(stderr, "ERROR: ")
    showerror(stderr, problem)
    println(stderr)
    exit(1)
end

# A module that does not load is the task's own error, told with its line where it is used.
try
    isdefined(Pkg, :precompile) && Pkg.precompile()
catch problem
    println(stderr, "not compiled ahead: ", first(split(sprint(showerror, problem), '\n')))
end
