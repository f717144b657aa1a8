# Part of scripts/setup: a Julia for the workers.
# shellcheck shell=bash disable=SC2154

set_up_julia() {
    local found
    if found=$(julia_there 2>&1); then
        remember_julia "$found"
        return 0
    fi
    if [[ -n ${TASKQ_JULIA-} ]]; then
        say "no Julia: $found"
        return 1
    fi
    official_julia && return
    scripts/debian-julia.sh "$data_home/julia" 9<&- || return 1
    if ! found=$(julia_there 2>&1); then
        say "no Julia: $found"
        return 1
    fi
    remember_julia "$found"
}

# A Julia in a data folder, whoever put it there, is also for stacks with other data folders,
# such as the tests' own: this environment keeps where it is.
remember_julia() {
    local pointer=$venv/share/taskq/julia
    [[ $1 == "$data_home"/julia/bin/julia && ! -s $pointer ]] || return 0
    mkdir -p -- "${pointer%/*}"
    (cd -- "$data_home" && printf '%s\n' "$PWD/julia/bin/julia") >"$pointer"
}

# taskq looks for Julia itself, so that it finds later what set-up finds now.
julia_there() {
    "$venv/bin/python" - <<'END'
import sys

from taskq_kernel.errors import TaskqError
from taskq_kernel.local.julia import find_julia
from taskq_kernel.settings import load_settings

try:
    print(find_julia(load_settings()).path)
except TaskqError as error:
    sys.exit(str(error))
END
}

# The official release, through juliapkg, and juliacall to run it as a library. It takes
# Julia's servers; where they cannot be reached, that is known after ten seconds at most.
official_julia() {
    local trial
    trial=$(mktemp -d)
    if ! pip_install --target "$trial" juliapkg || ! julia_servers_answer "$trial"; then
        rm -rf -- "$trial"
        return 1
    fi
    rm -rf -- "$trial"
    say 'fetching the official Julia through juliapkg (some minutes)'
    if pip_install -e ".[$extras,worker]" && resolve_juliapkg; then
        environment_key >"$venv/.taskq"
        return
    fi
    # Without its Julia packages, juliacall would try to fetch them at every start.
    say "juliapkg did not get all it needs (see ${log#"$root/"}); going on without juliacall"
    "$venv/bin/python" -m pip uninstall --yes juliacall juliapkg >/dev/null 2>&1 || true
    environment_key >"$venv/.taskq"
    julia_there >/dev/null 2>&1
}

julia_servers_answer() {
    PYTHONPATH=$1 timeout 10 "$venv/bin/python" - >/dev/null 2>&1 <<'END'
import socket

socket.setdefaulttimeout(5)
from juliapkg.install_julia import all_julia_versions

all_julia_versions()
END
}

resolve_juliapkg() {
    timeout 1800 "$venv/bin/python" -c 'import juliapkg; juliapkg.resolve()' </dev/null >>"$log" 2>&1 9<&-
}
