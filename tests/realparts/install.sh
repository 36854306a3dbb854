#!/bin/sh
# Installs the packages of packages.txt that are missing, where it may. With CI=true, what stays missing is an error.
set -eu
cd "$(dirname "$0")"
missing() {
    while read -r package; do
        # What is here from elsewhere stays: Node.js of another make brings its own npm.
        command -v "$package" >/dev/null && continue
        # A package that was removed is still known, by its configuration.
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || printf '%s ' "$package"
    done <packages.txt
}
command -v apt-get >/dev/null || {
    echo "real parts: no apt-get here; tests skip the programs that are not installed"
    exit 0
}
wanted=$(missing)
[ -n "$wanted" ] || exit 0
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo -n"
    $as_root true 2>/dev/null || {
        echo "real parts: without root or sudo, tests skip what is not installed: $wanted"
        exit 0
    }
fi
echo "real parts: installing $wanted"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # one word per package
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $wanted >/dev/null
wanted=$(missing)
[ -z "$wanted" ] || {
    echo "real parts: could not install $wanted" >&2
    [ "${CI:-}" != true ] || exit 1
}
