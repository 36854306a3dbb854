#!/bin/sh
# Builds a command of this repository, without what only a debugger reads, and says how far it is where that takes long:
# the first time compiles the Azure SDK and Pulumi's engine.
#
#     pipelines/build.sh FILE PACKAGE
set -eu
cd "$(dirname "$0")/.."
[ $# -eq 2 ] || {
    echo "usage: pipelines/build.sh FILE PACKAGE" >&2
    exit 2
}
GOFLAGS=$(cat pipelines/goflags)
export GOFLAGS
log=$(mktemp)
trap 'rm -f "$log"' EXIT
go build -v -ldflags="-s -w" -o "$1" "$2" 2>"$log" &
build=$!
trap 'kill "$build" 2>/dev/null; rm -f "$log"; exit 130' INT TERM
ticks=0 all=""
while kill -0 "$build" 2>/dev/null; do
    sleep 0.2
    ticks=$((ticks + 1))
    if [ $((ticks % 50)) -eq 0 ]; then
        all=${all:-$(go list -deps "$2" | wc -l)}
        compiled=$(grep -v '^go: ' "$log" | grep -c '^[a-z].*[^:]$') || true
        echo "building: $compiled packages compiled after $((ticks / 5)) s. The first time it is all $all," \
            "in three to five minutes on two cores, and the largest come last."
    fi
done
status=0
wait "$build" || status=$?
[ "$status" -eq 0 ] || cat "$log" >&2
exit "$status"
