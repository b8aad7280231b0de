#!/bin/sh
# Make sure that one thing is installed that pip cannot install.
#
#   tools/need.sh python | venv | chromium | headless-shell | firefox | webkit | emoji | node | npm | binutils |
#       libpython | curl | jq | nginx | redis | prometheus | caddy | haproxy | systemd | podman |
#       network | go | go-sqlite3 | go-centrifuge
#
# It first looks for it. If it is missing, and apt-get can be used without a question (as root, or
# with sudo without a password), it installs Debian's package. Otherwise it says in one line what is
# missing, and fails. It never asks a question, so it cannot hang when nobody is there to answer.
set -eu

python=${PYTHON:-python3}

missing() {
    echo "Missing: $1" >&2
    exit 1
}

apt_install() {
    command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root='sudo -n'
    else
        return 1
    fi
    echo "Installing $1 with apt-get."
    install="$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
        --no-install-recommends -o DPkg::Lock::Timeout=120"
    # Package lists may be missing (a new image) or old: refresh them only when needed.
    $install "$1" </dev/null >/dev/null 2>&1 ||
        { $as_root apt-get update -qq </dev/null >/dev/null 2>&1 &&
            $install "$1" </dev/null >/dev/null 2>&1; }
}

have_python() { "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

have_venv() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }

have_chromium() {
    # The same names as in tests/browser/conftest.py, which must find what this finds.
    command -v chromium || command -v chromium-browser
} >/dev/null

have_headless_shell() { command -v chromium-headless-shell; } >/dev/null

have_firefox() { command -v firefox-esr; } >/dev/null

# The locales are how WebKitGTK is told its language; without a window manager no window has the focus.
have_webkit() {
    command -v WebKitWebDriver && command -v Xvfb && command -v openbox &&
        [ -e /usr/share/i18n/locales/fr_FR ]
} >/dev/null

have_emoji() { [ "$(uname)" != Linux ] || fc-list :lang=und-zsye | grep -q .; } 2>/dev/null

have_node() {
    node -e 'process.exit(Number(parseInt(process.versions.node) < 18))' 2>/dev/null
}

have_npm() { have_node && command -v npm >/dev/null; }

have_binutils() { [ "$(uname)" != Linux ] || command -v objdump >/dev/null; }

have_libpython() {
    .venv/bin/python -c 'from PyInstaller.depend.bindepend import get_python_library_path as path
import sys; sys.exit(path() is None)' 2>/dev/null
}

# These two are unpacked, not installed: the installed Debian packages would start servers on this
# machine.
nginx=build/nginx/usr/sbin/nginx
prometheus=build/prometheus/usr/bin/prometheus

have_nginx() { command -v nginx >/dev/null || { [ -x $nginx ] && $nginx -v 2>/dev/null; }; }

# So is this one.
have_caddy() { command -v caddy || [ -x build/caddy/usr/bin/caddy ]; } >/dev/null
have_prometheus() {
    { command -v prometheus && command -v promtool; } >/dev/null ||
        { [ -x $prometheus ] && $prometheus --version >/dev/null 2>&1; }
}

unpack() {
    mkdir -p "build/$1"
    (
        cd "build/$1" || exit 1
        apt-get -qq download "$1" </dev/null >/dev/null 2>&1 ||
            { [ "$(id -u)" = 0 ] && apt-get -qq update </dev/null >/dev/null 2>&1 &&
                apt-get -qq download "$1" </dev/null >/dev/null 2>&1; } || exit 1
        dpkg -x "$1"_*.deb . && rm -f "$1"_*.deb
    )
}

# Debian's redis-server is a link to a program of redis-tools, which starts no server on this machine.
have_redis() { command -v redis-server || command -v redis-check-rdb; } >/dev/null

have_haproxy() { command -v haproxy || [ -x /usr/sbin/haproxy ]; } >/dev/null

# What checks units, and what gives a socket to a program; also a systemd to be started by the tests.
have_systemd() {
    [ "$(uname)" != Linux ] ||
        { command -v systemd-analyze && command -v systemd-socket-activate && [ -x /usr/lib/systemd/systemd ]; }
} >/dev/null

have_podman() {
    command -v podman && command -v crun && [ -x /usr/lib/podman/netavark ] && [ -x /usr/lib/podman/aardvark-dns ]
} >/dev/null

have_network() { command -v ip && command -v nsenter; } >/dev/null

# gorilla/websocket is a Debian package, so that the peer can be built without a network.
have_go() { command -v go && [ -d /usr/share/gocode/src/github.com/gorilla/websocket ]; } >/dev/null

have_go_sqlite3() {
    command -v gcc && [ -d /usr/share/gocode/src/github.com/mattn/go-sqlite3 ]
} >/dev/null

have_go_centrifuge() {
    have_go && [ -d /usr/share/gocode/src/github.com/centrifugal/centrifuge ] &&
        [ -d /usr/share/gocode/src/github.com/igm/sockjs-go ] &&
        [ -d /usr/share/gocode/src/github.com/mna/redisc ] &&
        [ -d /usr/share/gocode/src/github.com/FZambia/eagle ] &&
        [ -d /usr/share/gocode/src/github.com/centrifugal/protocol ]
}

python_series() { "$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])'; }

case $1 in
python)
    have_python || missing "Python 3.11 or newer ('$python' is not); name it: make PYTHON=python3.12"
    ;;
venv)
    have_venv || { apt_install "$(python_series)-venv" && have_venv; } ||
        missing "Python's venv and ensurepip modules (Debian: apt-get install $(python_series)-venv)"
    ;;
chromium)
    have_chromium || { apt_install chromium && have_chromium; } || {
        echo "Installing Playwright's Chromium."
        .venv/bin/python -m playwright install chromium </dev/null >/dev/null 2>&1
    } || missing "Chromium, for the browser tests (Debian: apt-get install chromium)"
    ;;
headless-shell)
    have_headless_shell || { apt_install chromium-headless-shell && have_headless_shell; } ||
        missing "Chromium's headless shell: the browser tests use all of Chromium, and take longer"
    ;;
firefox)
    have_firefox || { apt_install firefox-esr && have_firefox; } ||
        missing "Firefox, for make browsers (Debian: apt-get install firefox-esr)"
    ;;
webkit)
    have_webkit || {
        for package in webkit2gtk-driver xvfb openbox locales; do apt_install $package; done
        have_webkit
    } || missing "WebKitGTK, for make browsers (Debian: apt-get install webkit2gtk-driver xvfb openbox locales)"
    ;;
curl | jq)
    command -v "$1" >/dev/null || { apt_install "$1" && command -v "$1" >/dev/null; } ||
        missing "$1, for the examples of docs/api.md (Debian: apt-get install $1)"
    ;;
emoji)
    have_emoji || { apt_install fonts-noto-color-emoji && have_emoji; } ||
        missing "a font with emoji, for the pictures (Debian: apt-get install fonts-noto-color-emoji)"
    ;;
node)
    have_node || { apt_install nodejs && have_node; } ||
        missing "Node.js 18 or newer, for tests/js (Debian: apt-get install nodejs)"
    ;;
npm)
    have_npm || { apt_install npm && have_npm; } ||
        missing "Node.js 18 or newer with npm (Debian: apt-get install npm)"
    ;;
binutils)
    have_binutils || { apt_install binutils && have_binutils; } ||
        missing "objdump and objcopy, for the binary (Debian: apt-get install binutils)"
    ;;
libpython)
    have_libpython || { apt_install "lib$(python_series)" && have_libpython; } ||
        missing "Python's shared library, for the binary (Debian: apt-get install lib$(python_series))"
    ;;
nginx)
    have_nginx || { unpack nginx && have_nginx; } ||
        missing "nginx, for tests/whole/test_reverse_proxy.py (Debian: apt-get install nginx-light)"
    command -v openssl >/dev/null || { apt_install openssl && command -v openssl >/dev/null; } ||
        missing "the openssl command, for tests/whole/test_reverse_proxy.py"
    ;;
prometheus)
    have_prometheus || { unpack prometheus && have_prometheus; } ||
        missing "Prometheus, for tests/whole/test_watching.py (Debian: apt-get install prometheus)"
    ;;
redis)
    have_redis || { apt_install redis-tools && have_redis; } ||
        missing "Redis 7, for the tests with several workers (Debian: apt-get install redis-tools)"
    ;;
caddy)
    have_caddy || { unpack caddy && have_caddy; } ||
        missing "Caddy, for tests/deploy (Debian: apt-get install caddy)"
    ;;
haproxy)
    # Debian's service of it listens nowhere until somebody configures it.
    have_haproxy || { apt_install haproxy && have_haproxy; } ||
        missing "HAProxy, for tests/deploy and make machines (Debian: apt-get install haproxy)"
    ;;
systemd)
    have_systemd || { apt_install systemd && have_systemd; } ||
        missing "systemd's programs, for tests/deploy (Debian: apt-get install systemd)"
    ;;
podman)
    have_podman || {
        for package in crun netavark aardvark-dns podman; do apt_install $package; done
        have_podman
    } || missing "Podman, for make machines (Debian: apt-get install podman crun netavark aardvark-dns)"
    ;;
network)
    [ "$(uname)$(id -u)" = Linux0 ] || missing "Linux, and to be root, for make machines"
    have_network || { apt_install iproute2 && have_network; } ||
        missing "the commands ip and nsenter, for make machines (Debian: apt-get install iproute2)"
    ;;
go)
    have_go || { apt_install golang-go && apt_install golang-github-gorilla-websocket-dev && have_go; } ||
        missing "Go, for a peer of the bench (Debian: apt-get install golang-go golang-github-gorilla-websocket-dev)"
    ;;
go-sqlite3)
    have_go_sqlite3 || { apt_install gcc && apt_install golang-github-mattn-go-sqlite3-dev && have_go_sqlite3; } ||
        missing "SQLite for Go, for a peer of the bench (Debian: apt-get install gcc golang-github-mattn-go-sqlite3-dev)"
    ;;
go-centrifuge)
    # Debian's package of the library does not name all that it needs.
    have_go_centrifuge || {
        for package in centrifugal-centrifuge centrifugal-protocol fzambia-eagle igm-sockjs-go mna-redisc; do
            apt_install "golang-github-$package-dev"
        done
        have_go_centrifuge
    } || missing "Centrifuge for Go, for a peer of the bench (Debian: golang-github-centrifugal-centrifuge-dev)"
    ;;
*)
    missing "a rule in tools/need.sh for '$1'"
    ;;
esac
