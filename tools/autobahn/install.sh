#!/bin/sh
# Install Autobahn|Testsuite, which is written in Python 2.7, into a folder.
#
#   tools/autobahn/install.sh FOLDER    makes FOLDER/wstest
#
# If there is no Python 2.7, that of Debian 11 is fetched from the same place as the packages of this
# machine's apt, and unpacked into FOLDER. Nothing is installed on the machine.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)

missing() {
    echo "Missing: $1" >&2
    exit 1
}

fetch_python() {
    apt=$folder/apt
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/packages"
    : >"$apt/state/status"
    mirror=$(apt-get update --print-uris | sed -n "s|^'\(.*/debian/\)dists/.*|\1|p" | head -n 1)
    [ -n "$mirror" ] || missing "Python 2.7, and a Debian mirror in apt's sources to fetch it from"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bullseye main" \
        >"$apt/sources.list"
    own="-qq -o Dir::Etc::SourceList=$apt/sources.list -o Dir::Etc::SourceParts=/dev/null
        -o Dir::State=$apt/state -o Dir::State::status=$apt/state/status -o Dir::Cache=$apt/cache
        -o APT::Sandbox::User=root"
    # shellcheck disable=SC2086 - options, none with a space inside
    (cd "$apt/packages" && apt-get $own update && apt-get $own download \
        python2.7-minimal libpython2.7-minimal libpython2.7-stdlib libssl1.1 libffi7)
    for package in "$apt"/packages/*.deb; do
        dpkg -x "$package" "$folder"
    done
    rm -rf "$apt"
}

if python2.7 -c 'import ssl, zlib' 2>/dev/null; then
    python2=$(command -v python2.7)
    libraries=
else
    command -v apt-get >/dev/null || missing "Python 2.7, and apt-get to fetch it with"
    [ -x "$folder/usr/bin/python2.7" ] || fetch_python
    python2=$folder/usr/bin/python2.7
    libraries=$(echo "$folder"/usr/lib/*-linux-gnu)
fi

# pip 20.3 is the last one for Python 2.7. Our pip downloads it, and it installs the rest.
.venv/bin/python -m pip download -qq --disable-pip-version-check --no-deps --require-hashes \
    --dest "$folder/bootstrap" -r "$here/bootstrap.txt"
for wheel in "$folder"/bootstrap/*.whl; do
    .venv/bin/python -m zipfile -e "$wheel" "$folder/bootstrap"
done
rm -rf "$folder/packages"
LD_LIBRARY_PATH=$libraries PYTHONPATH=$folder/bootstrap "$python2" -W ignore -m pip install -qq \
    --no-deps --require-hashes --target "$folder/packages" -r "$here/requirements.txt"
rm -rf "$folder/bootstrap"

cat >"$folder/wstest" <<END
#!/bin/sh
LD_LIBRARY_PATH='$libraries' exec '$python2' -W ignore -c '
import site
site.addsitedir("$folder/packages")
from autobahntestsuite.wstest import run
run()' "\$@"
END
chmod +x "$folder/wstest"
