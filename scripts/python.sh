# Part of scripts/setup: Python, and taskq in an environment of its own.
# shellcheck shell=bash disable=SC2154

set_up_python() {
    local python want
    if ! environment_works; then
        python=$(find_python) || return 1
        make_environment "$python" || return 1
    fi
    copy_launcher
    want=$(environment_key)
    [[ $want == "$(cat -- "$venv/.taskq" 2>/dev/null)" ]] && return
    say "installing taskq and what it needs into .venv (progress: ${log#"$root/"})"
    pip_install -e ".[$(wanted_extras)]" || {
        say 'no Python packages: see above; pip can be helped by its own variables, such as PIP_INDEX_URL'
        return 1
    }
    printf '%s\n' "$want" >"$venv/.taskq"
}

# An editable install leaves data files out, and JupyterLab looks for extensions here. Not a
# link: Voilà, which loads them too, answers for a file behind one with 403.
copy_launcher() {
    local place=$venv/share/jupyter/labextensions/taskq-launcher
    if [[ -L $place ]]; then rm -- "$place"; fi
    mkdir -p -- "$place"
    cp -R -- "$root/widgets/taskq_widgets/launcher/labextensions/taskq-launcher/." "$place"
}

# An environment knows its own path, so one that was moved or copied here does not count.
environment_works() {
    [[ $("$venv/bin/python" -c "import sys, pip
print(sys.prefix if sys.version_info >= (3, 11) else '')" 2>/dev/null) == "$venv" ]]
}

make_environment() {
    if [[ -e $venv ]]; then
        say ".venv does not work here with Python $oldest_python or newer; making it anew"
    fi
    rm -rf -- "$venv"
    local output
    if ! output=$("$1" -m venv -- "$venv" 2>&1); then
        tail -n 5 <<<"$output" >&2
        rm -rf -- "$venv"
        say "no Python environment: '$1 -m venv .venv' fails"
        return 1
    fi
}

# Whatever makes the installed packages differ: their list, their extras, taskq's own packages.
environment_key() {
    {
        "$venv/bin/python" -V
        wanted_extras
        cat pyproject.toml
        printf '%s\n' taskq_*/__init__.py */taskq_*/__init__.py
    } | sha256sum | cut -d' ' -f1
}

wanted_extras() {
    if compgen -G "$venv/lib/python3*/site-packages/juliacall" >/dev/null; then
        echo "$extras,worker"
    else
        echo "$extras"
    fi
}

# uv takes seconds where pip takes a minute. Where it cannot be had, or fails, pip does it.
pip_install() {
    if [[ -x $venv/bin/uv ]] || pip --retries 1 --timeout 15 --only-binary :all: uv >"$log" 2>&1; then
        "$venv/bin/python" scripts/uv-install.py "$@" </dev/null >"$log" 2>&1 9<&- && return
    fi
    if ! pip "$@" >>"$log" 2>&1; then
        tail -n 20 -- "$log" >&2
        return 1
    fi
}

# pip's cache would be the one thing left behind outside this folder, so there is none,
# unless its place is asked for.
pip() {
    local cache=(--no-cache-dir)
    if [[ -n ${PIP_CACHE_DIR-} ]]; then cache=(); fi
    "$venv/bin/python" -m pip "${cache[@]}" --disable-pip-version-check --no-input install "$@" </dev/null 9<&-
}

# The newest Python on PATH that can make an environment. Debian packs that ability apart,
# as python3.X-venv; it is installed where no Python has it.
find_python() {
    local name version newest='' newest_version=''
    for name in python3.14 python3.13 python3.12 python3.11 python3; do
        version=$("$name" -c 'import sys
print("%d.%d" % sys.version_info[:2] if sys.version_info >= (3, 11) else "")' 2>/dev/null) || continue
        [[ $version ]] || continue
        if "$name" -c 'import ensurepip, venv' 2>/dev/null; then
            command -v "$name"
            return
        fi
        if [[ -z $newest ]]; then newest=$(command -v "$name") newest_version=$version; fi
    done
    if [[ -z $newest ]]; then
        say "no Python $oldest_python or newer is on PATH; install one, such as Debian 12's package python3"
        return 1
    fi
    if install_packages "Python's venv module" "python$newest_version-venv" &&
        "$newest" -c 'import ensurepip, venv' 2>/dev/null; then
        printf '%s\n' "$newest"
        return
    fi
    say "no Python environment: $newest cannot make one; have root run 'apt-get install python$newest_version-venv'"
    return 1
}
