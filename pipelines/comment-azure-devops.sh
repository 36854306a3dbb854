#!/bin/sh
# Posts files as a thread of a pull request on Azure Repos, or updates it. Runs nothing of what is in them.
#
#     pipelines/comment-azure-devops.sh NAME FILE...      one thread for each NAME; missing files are left out, one must be there
#
# Needs the predefined variables of a build of a pull request, SYSTEM_ACCESSTOKEN, curl and jq.
set -eu
marker="<!-- amora $1 -->"
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

api() {
    curl -fsS --retry 3 -H "Authorization: Bearer $SYSTEM_ACCESSTOKEN" -H 'Content-Type: application/json' "$@"
}

cat -- "$@" >"$folder/found" 2>/dev/null || : # those that are missing
[ -s "$folder/found" ] || {
    echo "comment: there is no $*" >&2
    exit 1
}
{ echo "$marker" && cat "$folder/found"; } >"$folder/text"

project="${SYSTEM_COLLECTIONURI%/}/$SYSTEM_TEAMPROJECTID"
threads="$project/_apis/git/repositories/$BUILD_REPOSITORY_ID/pullRequests/$SYSTEM_PULLREQUEST_PULLREQUESTID/threads"
# By way of a file: in a pipe, a call that fails would look like one that finds nothing.
api "$threads?api-version=7.1" >"$folder/threads"
mine=$(jq -r --arg marker "$marker" \
    '[.value[] | select((.isDeleted | not) and ((.comments[0].content // "") | startswith($marker)))] | first | if . then "\(.id)/comments/\(.comments[0].id)" else empty end' "$folder/threads")
if [ -n "$mine" ]; then
    jq -n --rawfile text "$folder/text" '{content: $text}' >"$folder/body"
    api -X PATCH -d "@$folder/body" "$threads/$mine?api-version=7.1" >/dev/null
    echo "comment: updated"
else
    # Closed, so that a policy that wants every comment resolved does not wait for it.
    jq -n --rawfile text "$folder/text" '{comments: [{parentCommentId: 0, content: $text, commentType: 1}], status: 4}' >"$folder/body"
    api -X POST -d "@$folder/body" "$threads?api-version=7.1" >/dev/null
    echo "comment: posted"
fi
