#!/bin/sh
# Installs what package lab and the workspace page need and this Debian machine
# lacks. Nothing is started: PostgreSQL's package would make and run a server of
# its own, which is prevented. Quiet when nothing is missing.
set -eu

missing=
need() { # package, command
    command -v "$2" >/dev/null 2>&1 || missing="$missing $1"
}

# PostgreSQL's server programs are not on the PATH.
if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    need postgresql initdb
fi
need espeak-ng espeak-ng
need sip-tester sipp
need sox sox
# What builds the workspace page, and the browser that tests it.
need nodejs node
need npm npm
# What the documents' requests are sent by, and what the race detector links by.
need curl curl
# In which one of the documents' examples is written.
need python3 python3
# systemd-analyze, which judges the unit; nothing of systemd is started.
need systemd systemd-analyze
need "gcc libc6-dev" gcc
need chromium chromium
fc-list :lang=ja 2>/dev/null | grep -q . || missing="$missing fontconfig fonts-noto-cjk"
# Asterisk and Prometheus themselves are only extracted, by lab.
need mmdebstrap mmdebstrap

# Debian 12's Node is too old, and what fails then says so late and obscurely.
check_node() {
    node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' && return
    echo "The workspace page needs Node 20.19 or later, with npm 11; this is $(node --version)" >&2
    exit 1
}
! command -v node >/dev/null 2>&1 || check_node
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "This is no Debian. Please install by other means:$missing" >&2
    exit 1
fi
root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "Please run as root: apt-get install$missing" >&2
        exit 1
    fi
    # Without a terminal nobody could type a password.
    root=sudo
    [ -t 0 ] || root="sudo -n"
fi
echo "Installing$missing${root:+ (by sudo)}"

# What postgresql-common asks before it makes a server. The file is there only
# while the packages are installed.
settings=/etc/postgresql-common
ours=$settings/createcluster.d/callbackd.conf
$root mkdir -p "$settings/createcluster.d"
cleanup() {
    $root rm -f "$ours"
    $root rmdir --ignore-fail-on-non-empty "$settings/createcluster.d" "$settings" 2>/dev/null || true
}
trap cleanup EXIT
trap 'exit 1' INT TERM
echo "create_main_cluster = false" | $root tee "$ours" >/dev/null

install() {
    # shellcheck disable=SC2086 # one word a package
    $root env DEBIAN_FRONTEND=noninteractive apt-get install \
        --yes --quiet --no-install-recommends $missing </dev/null
}
log=$(mktemp)
trap 'cleanup; rm -f "$log"' EXIT
# The lists of packages may be missing or old: then, and only then, renew them.
if ! install >"$log" 2>&1; then
    echo "Fetching the lists of packages"
    $root apt-get update --quiet </dev/null >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
    install >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
fi
! command -v node >/dev/null 2>&1 || check_node
