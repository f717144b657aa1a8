# Logging

const PROGRESS_LEVEL = Base.CoreLogging.LogLevel(-1)
const INFO_LEVEL = Base.CoreLogging.Info
const WARN_LEVEL = Base.CoreLogging.Warn

"""
Where tasks log to unless they set another logger: records of progress become the task's
progress, everything else goes on to `console`.
"""
struct TaskLogger <: Base.CoreLogging.AbstractLogger
    console::Base.CoreLogging.AbstractLogger
end

"Have tasks log to a `TaskLogger`, in the form that this process would log in, with the source line of every record."
function log_as_tasks_do!()
    global_logger() isa TaskLogger || global_logger(TaskLogger(with_lines(global_logger())))
    return nothing
end

# The form of Julia's own logger leaves the line out where the level is Info, and a log of
# hundreds of these does not say which statement wrote what.
function with_lines(console)
    hasfield(typeof(console), :meta_formatter) || return console
    usual = console.meta_formatter
    function form(level, m, group, id, file, line)
        color, prefix, place = usual(level, m, group, id, file, line)
        isempty(place) && (place = usual(WARN_LEVEL, m, group, id, file, line)[3])
        return color, prefix, place
    end
    return typeof(console)(console.stream, console.min_level; meta_formatter = form)
end

Base.CoreLogging.min_enabled_level(::TaskLogger) = PROGRESS_LEVEL

function Base.CoreLogging.shouldlog(logger::TaskLogger, level, m, group, id)
    return Base.CoreLogging.shouldlog(logger.console, level, m, group, id)
end

function Base.CoreLogging.handle_message(
    logger::TaskLogger, level, @nospecialize(message), m, group, @nospecialize(id), file, line; keywords...,
)
    severity = convert(Base.CoreLogging.LogLevel, level)
    take_progress(message, id, keywords, severity < INFO_LEVEL) && return nothing
    severity < INFO_LEVEL && !wants_details(group, m) && return nothing
    Base.CoreLogging.handle_message(logger.console, level, message, m, group, id, file, line; keywords...)
    return nothing
end

"Whether JULIA_DEBUG names this group or module (in 1.5 to 1.12)."
function wants_details(group, m)
    return isdefined(Base.CoreLogging, :env_override_minlevel) && Base.CoreLogging.env_override_minlevel(group, m)
end
