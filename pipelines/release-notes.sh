#!/bin/sh
# Prints the section of CHANGELOG.md for a version, and fails when it has none or an empty one.
#
#     pipelines/release-notes.sh v1.2.3
set -eu
cd "$(dirname "$0")/.."
case ${1:-} in
v[0-9]*) version=${1#v} ;;
*)
    echo "usage: pipelines/release-notes.sh vMAJOR.MINOR.PATCH" >&2
    exit 2
    ;;
esac
notes=$(awk -v heading="## [$version]" 'index($0, heading) == 1 { inside = 1; next } /^## / { inside = 0 } inside' "${CHANGELOG:-CHANGELOG.md}")
[ -n "$notes" ] || {
    echo "release: CHANGELOG.md has no section [$version]" >&2
    exit 1
}
printf '%s\n' "$notes"
