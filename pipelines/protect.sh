#!/bin/sh
# Sets what decides who can reach what, and with --check only says where it differs, and fails there. A second run
# changes nothing. docs/pull-request.md has what it is for.
#
#     pipelines/protect.sh [--check] github          as gh's user: rules for main and tags, environments, Actions
#     pipelines/protect.sh [--check] azure STACK     as az' user: identities, whom they trust, their roles
#     pipelines/protect.sh [--check] azure-devops    as az' user: checks of connections, groups and environments
set -eu
cd "$(dirname "$0")/.."
check=''
if [ "${1:-}" = --check ]; then
    check=true
    shift
fi
case "${1:-} ${2:-}" in
'github ' | 'azure dev' | 'azure prod' | 'azure-devops ') ;;
*)
    echo "usage: pipelines/protect.sh [--check] github | azure dev|prod | azure-devops" >&2
    exit 2
    ;;
esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
: >"$folder/left" # what differs in the end

# differs says where what is there, the file `has`, is not as the file `wants` has it, and whether there is such a place.
# Keys that are not wanted may have any value; a list is the same only as a whole.
differs() {
    jq -nr --arg name "$1" --slurpfile has "$folder/has" --slurpfile wants "$folder/wants" '
        def differing($has; $path):
            if type == "object" and ($has | type) == "object" then
                to_entries[] | .key as $key | .value | differing($has[$key]; $path + [$key])
            elif . == $has then empty
            else "\($name): \($path | map(. + " ") | add // "")is \($has | tojson), should be \(tojson)"
            end;
        $wants[0] | differing($has[0]; [])' >"$folder/differences"
    cat "$folder/differences"
    [ -s "$folder/differences" ]
}

# keep compares, and without --check runs the command that follows the name, which sends the file `body`.
keep() {
    differs "$1" || return 0
    if [ -n "$check" ]; then
        cat "$folder/differences" >>"$folder/left"
    else
        shift
        "$@" >"$folder/answer"
    fi
}

# complain is about what this script does not set by itself.
complain() {
    echo "$1" | tee -a "$folder/left"
}

# shellcheck source=/dev/null # one of three
. "pipelines/protect-$1.sh"
[ ! -s "$folder/left" ] || exit 1
