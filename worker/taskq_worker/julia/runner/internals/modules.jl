# Modules and packages

# What `const` and `using` come to. Evaluated as code, they take several times as long, for
# every task. Up to 1.13 `jl_module_using` has no flags, and does not see that some are given.
function set_constant!(m::Module, name::Symbol, @nospecialize(value))
    ccall(:jl_set_const, Cvoid, (Any, Any, Any), m, name, value)
end

use_module!(m::Module, other::Module) = ccall(:jl_module_using, Cvoid, (Any, Any, Csize_t), m, other, 0)

"A package that is loaded; `nothing` if none of this name is."
function loaded(name::Symbol)
    for m in Base.loaded_modules_array()
        nameof(m) === name && return m
    end
    return nothing
end

"A package that is loaded, known by its UUID, whatever else has its name; `nothing` if it is not."
function loaded(package::Base.PkgId)
    for m in Base.loaded_modules_array()
        Base.PkgId(m) == package && return m
    end
    return nothing
end

"The active project's file; `nothing` where Julia was started without one."
active_project() = Base.active_project(false)

function activate(project::Union{String,Nothing})
    if isdefined(Base, :set_active_project)  # 1.8 and later
        Base.set_active_project(project)
    else
        Base.ACTIVE_PROJECT[] = project
    end
    return nothing
end

global_logger() = Base.CoreLogging.global_logger()
global_logger(logger) = Base.CoreLogging.global_logger(logger)

"Have `Base.julia_cmd`, and so package precompilation, start another program as Julia."
function start_julia_as(executable::String)
    # `Base.julia_cmd` joins this to the folder of the binary; an absolute path stays as it is.
    Core.eval(Base, :(julia_exename() = $executable))
    return nothing
end

package_count() = length(Base.loaded_modules)

"The folder of a package's sources; empty where it is not known, as for most of what Julia has built in."
function package_folder(m::Module)
    path = pathof(m)
    return path === nothing ? "" : dirname(dirname(path))
end
