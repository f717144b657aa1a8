#!/usr/bin/env bash
# Unpack Debian 11's Julia 1.5.3, with every library it was built with, into a folder.
#
#   scripts/debian-julia.sh FOLDER
#
# Julia is FOLDER/bin/julia afterwards. Nothing is installed: apt's own client fetches the
# packages with a sources list and a state folder of its own, so no root is needed and the
# machine's apt does not change. The mirror is TASKQ_DEBIAN_MIRROR, else the one that this
# Debian takes its own packages from. What is fetched is checked against Debian's keys.
#
# Why all the libraries: Debian 12's libunwind, for one, makes this Julia die at the first
# exception it throws. Only the C library is the machine's own; it runs older programs.

set -euo pipefail
export LC_ALL=C.UTF-8

say() { printf 'set-up: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

by_hand='install Julia 1.5 or newer and put it on PATH, or set TASKQ_JULIA to its julia program'
suite=bullseye

main() {
    (($# == 1)) || fail "usage: $0 FOLDER"
    local target=$1 parent tool
    for tool in apt-get apt-config dpkg dpkg-deb; do
        command -v "$tool" >/dev/null || fail "no Julia: there is no $tool here to fetch one; $by_hand"
    done
    parent=$(dirname -- "$target")
    mkdir -p -- "$parent"
    parent=$(cd -- "$parent" && pwd)
    target=$parent/$(basename -- "$target")

    exec 8<"$parent"
    flock 8 # a second set-up waits here, and then finds Julia unpacked
    if works "$target/bin/julia"; then return; fi

    work=$(mktemp -d -- "$parent/.julia.XXXXXX")
    trap 'rm -rf -- "$work"' EXIT
    trap 'exit 1' INT TERM HUP
    arch=$(dpkg --print-architecture)

    fetch
    unpack
    add_missing_libraries
    write_wrapper
    verify "$work/julia/bin/julia"
    rm -rf -- "$target"
    mv -T -- "$work/julia" "$target"
}

# --- fetching --------------------------------------------------------------------------

fetch() {
    local mirror tried=()
    configure_apt
    while read -r mirror; do
        tried+=("$mirror")
        write_sources "$mirror"
        say "fetching Debian 11's Julia from $mirror (about 70 MB)"
        if apt update && apt install --download-only --no-install-recommends julia; then
            return
        fi
    done < <(mirrors)
    ((${#tried[@]})) || fail "no Julia: TASKQ_DEBIAN_MIRROR has to name a Debian mirror," \
        "because this machine's packages come from none; or $by_hand"
    tail -n 5 -- "$work/apt.log" >&2
    fail "no Julia: it cannot be fetched from ${tried[*]}; set TASKQ_DEBIAN_MIRROR to a Debian mirror" \
        "that has the suite $suite, or $by_hand"
}

mirrors() {
    if [[ -n ${TASKQ_DEBIAN_MIRROR-} ]]; then
        printf '%s\n' "$TASKQ_DEBIAN_MIRROR"
        return
    fi
    # shellcheck disable=SC1091
    [[ $(. /etc/os-release && printf %s "$ID") == debian ]] || return 0
    # The security archive has updates only. Who a mirror says it is ("Origin") is known for
    # the lists that were fetched; on a machine that has fetched none, it is worth trying.
    { index_targets && index_targets --no-release-info; } |
        awk '!seen[$1]++ && ($2 == "Debian" || $2 ~ /^\$/) && $1 !~ /security/ {print $1}'
}

index_targets() {
    # shellcheck disable=SC2016
    apt-get indextargets "$@" --format '$(REPO_URI) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null
}

configure_apt() {
    mkdir -p -- "$work"/{state/lists/partial,cache/archives/partial}
    : >"$work/status"
    # The machine's proxies and certificates count here too, and nothing else of its settings:
    # hooks and pins are for the machine's own packages.
    {
        apt-config dump | grep '^Acquire' || true
        cat <<END
Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "/dev/null";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$work/state";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Log "$work";
APT::Architecture "$arch";
APT::Architectures "$arch";
APT::Sandbox::User "";
APT::Get::Assume-Yes "true";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
END
    } >"$work/apt.conf"
}

apt() {
    APT_CONFIG=$work/apt.conf apt-get "$@" </dev/null >>"$work/apt.log" 2>&1 &&
        ! grep -q '^\(E:\|W: Failed to fetch\)' "$work/apt.log"
}

write_sources() {
    local keys
    keys=$(printf '%s\n' /usr/share/keyrings/debian-archive-{keyring,removed-keys}.gpg |
        while read -r file; do if [[ -r $file ]]; then printf '%s\n' "$file"; fi; done | paste -sd,)
    if [[ -n $keys ]]; then
        printf 'deb [arch=%s signed-by=%s] %s %s main\n' "$arch" "$keys" "$1" "$suite"
    else
        say "this machine has no Debian keys (package debian-archive-keyring), so the packages are not checked"
        printf 'deb [arch=%s trusted=yes] %s %s main\n' "$arch" "$1" "$suite"
    fi >"$work/sources.list"
    : >"$work/apt.log"
}

# --- unpacking -------------------------------------------------------------------------

unpack() {
    local all=$work/all deb folder
    triplet=$(multiarch)
    mkdir -- "$all"
    for deb in "$work"/cache/archives/*.deb; do
        case ${deb##*/} in
            libc6_* | perl-base_* | dpkg_* | tar_* | debconf_*) ;; # the machine's own will do
            *) dpkg-deb -x "$deb" "$all" && rm -- "$deb" ;;
        esac
    done
    for folder in usr/bin/julia "usr/lib/$triplet" usr/share/julia etc/julia; do
        mkdir -p -- "$work/julia/$(dirname -- "$folder")"
        mv -- "$all/$folder" "$work/julia/$folder"
    done
    rm -rf -- "$work/julia/usr/share/julia/test"
    mv -- "$all/lib/$triplet" "$work/spare"
    rm -rf -- "$all"
}

multiarch() {
    case $arch in
        amd64) echo x86_64-linux-gnu ;;
        arm64) echo aarch64-linux-gnu ;;
        i386) echo i386-linux-gnu ;;
        *) dpkg-architecture -A "$arch" -q DEB_HOST_MULTIARCH 2>/dev/null ||
            fail "no Julia: Debian 11 has none for $arch; $by_hand" ;;
    esac
}

# Libraries such as libz are not among Julia's, and a small machine may lack them.
add_missing_libraries() {
    local own=$work/julia/usr/lib/$triplet extra=$work/julia/lib name added=1
    mkdir -p -- "$extra"
    while ((added)); do
        added=0
        for name in $(LD_LIBRARY_PATH="$own:$own/julia:$extra" ldd "$work"/julia/usr/bin/julia \
            "$own"/*.so* "$own"/julia/*.so* "$extra"/*.so* 2>/dev/null |
            awk '/=> not found/ {print $1}' | sort -u); do
            if [[ -e $work/spare/$name && ! -e $extra/$name ]]; then
                cp -L -- "$work/spare/$name" "$extra/$name"
                added=1
            fi
        done
    done
    rm -rf -- "$work/spare"
}

write_wrapper() {
    mkdir -p -- "$work/julia/bin"
    # The path is for Julia alone: what starts programs from it takes the variable out again.
    cat >"$work/julia/bin/julia" <<END
#!/bin/sh
# Debian 11's Julia, with the libraries it was built with.
if [ -L "\$0" ]; then self=\$(readlink -f -- "\$0"); else self=\$0; fi
here=\${self%/*}/..
lib=\$here/usr/lib/$triplet
LD_LIBRARY_PATH=\$lib:\$lib/julia:\$here/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
exec "\$here/usr/bin/julia" "\$@"
END
    chmod 755 -- "$work/julia/bin/julia"
}

# --- verifying -------------------------------------------------------------------------

works() { [[ -x $1 ]] && "$1" --version >/dev/null 2>&1; }

verify() {
    local output
    if ! output=$(HOME=$work "$1" --startup-file=no --history-file=no -e '
        using LinearAlgebra, SparseArrays, Libdl, Random, Dates
        caught(f) = try f(); "nothing" catch error; string(nameof(typeof(error))) end
        deep(n) = deep(n + 1) + 1
        @assert caught(() -> sqrt(-1.0)) == "DomainError"
        @assert caught(() -> deep(0)) == "StackOverflowError"
        @assert string(BigFloat(2)^0.5)[1:12] == "1.4142135623" && factorial(big(25)) % 26 == 0
        a = [2.0 1.0; 1.0 3.0]
        @assert sum(eigvals(Symmetric(a))) ≈ 5 && a * (a \ [1.0, 2.0]) ≈ [1.0, 2.0]
        s = sparse(a)
        @assert s * (s \ [1.0, 2.0]) ≈ [1.0, 2.0] && s * (cholesky(s) \ [1.0, 2.0]) ≈ [1.0, 2.0]
        @assert occursin(r"^j.l"i, "Julia") && length(string(now())) > 18 && rand(MersenneTwister(1)) < 1
        @assert Libdl.dlopen("libm.so.6") != C_NULL
        print("it works")' 2>&1) || [[ $output != "it works" ]]; then
        tail -n 20 <<<"$output" >&2
        fail "no Julia: Debian 11's, from $suite, does not work on this machine; $by_hand"
    fi
}

main "$@"
