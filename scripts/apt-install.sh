#!/usr/bin/env bash
# Install Debian or Ubuntu packages, as root, without leaving a service of theirs running.
#
#   scripts/apt-install.sh PACKAGE...
#
# Packages such as rabbitmq-server start a system-wide service as they are installed, and
# again at every boot. taskq starts its own, so those stay off, unless they were there before.

set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

policy=/usr/sbin/policy-rc.d
policy_mark='put here by taskq set-up while it installs packages'
cluster=/etc/postgresql-common/createcluster.d/taskq-setup.conf
services=(rabbitmq-server.service epmd.service epmd.socket postgresql.service)

main() {
    local service known=()
    for service in "${services[@]}"; do
        if unit_file "$service" >/dev/null; then known+=("$service"); fi
    done
    trap clean_up EXIT
    trap 'exit 1' INT TERM HUP
    forbid_services
    # The lists may be absent (a fresh image) or name files that the mirror has replaced.
    install "$@" || { apt-get -q update && install "$@"; }
    for service in "${services[@]}"; do
        if [[ " ${known[*]-} " != *" $service "* ]]; then leave_off "$service"; fi
    done
}

install() {
    apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@"
}

forbid_services() {
    if [[ ! -e $policy && ! -L $policy ]] || grep -qsF "$policy_mark" "$policy"; then
        printf '#!/bin/sh\n# %s\nexit 101\n' "$policy_mark" >"$policy"
        chmod 755 "$policy"
    fi
    # PostgreSQL's package makes a database cluster that starts at every boot; none is needed.
    if [[ ! -e /etc/postgresql-common ]]; then
        mkdir -p "${cluster%/*}"
        echo 'create_main_cluster = false' >"$cluster"
    fi
}

clean_up() {
    if grep -qsF "$policy_mark" "$policy"; then rm -f "$policy"; fi
    rm -f "$cluster"
    rmdir --ignore-fail-on-non-empty -p "${cluster%/*}" 2>/dev/null || true
}

unit_file() {
    local folder
    for folder in /usr/lib/systemd/system /lib/systemd/system /etc/systemd/system; do
        if [[ -e $folder/$1 ]]; then return 0; fi
    done
    return 1
}

leave_off() {
    unit_file "$1" || return 0
    if command -v systemctl >/dev/null; then
        systemctl -q disable "$1" 2>/dev/null || true
        if [[ -d /run/systemd/system ]]; then systemctl -q stop "$1" 2>/dev/null || true; fi
    fi
    # Without systemctl the package has made the same links itself; and for System V's init:
    rm -f /etc/systemd/system/*.wants/"$1"
    if [[ $1 == *.service && -e /etc/init.d/${1%.service} ]] && command -v update-rc.d >/dev/null; then
        update-rc.d "${1%.service}" disable >/dev/null 2>&1 || true
    fi
}

main "$@"
