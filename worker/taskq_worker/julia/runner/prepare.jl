# Install and compile the packages of the project in the folder JULIA_PROJECT: `julia prepare.jl PACKAGE...`.
#
# The arguments are the packages that the project needs from elsewhere: those that lie in the folder aside. Where the
# folder has a file `.taskq-environment`, a package a line, these are added first: the folder has nothing else.
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

"Whether the project has the file that says exactly which packages these are, by whichever of its names."
has_manifest() = isfile(Pkg.Types.EnvCache().manifest_file)

"A package of which the beginning of a version may be wanted, as `Name` or `Name@version`."
function spec(named)
    name, version = match(r"^([^@]+)@?(.*)$", named).captures
    return isempty(version) ? Pkg.PackageSpec(name = String(name)) :
           Pkg.PackageSpec(name = String(name), version = String(version))
end

"Add the packages that are given by their names; whether there are any."
function add_named()
    file = joinpath(ENV["JULIA_PROJECT"], ".taskq-environment")
    isfile(file) || return false
    Pkg.add(map(spec, readlines(file)))
    return true
end

"Install with what this machine has; whether that could be done."
function installs_alone(packages)
    all(name -> isdir(joinpath(Sys.STDLIB, name)), packages) || return false
    depot = mktempdir()
    mkpath(joinpath(depot, "registries", "None"))
    write(joinpath(depot, "registries", "None", "Registry.toml"), NO_REGISTRY)
    push!(DEPOT_PATH, depot)
    try
        add_named() || (has_manifest() ? Pkg.instantiate() : Pkg.resolve())
        return true
    catch
        return false  # some of the standard library are packages that a registry has in newer Julias
    finally
        pop!(DEPOT_PATH)
    end
end

try
    installs_alone(ARGS) || add_named() || Pkg.instantiate()
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
