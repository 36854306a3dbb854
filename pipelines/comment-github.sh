#!/bin/sh
# Posts files as a comment of a pull request on GitHub, or updates it. Runs nothing of what is in them.
#
#     pipelines/comment-github.sh NAME FILE...      one comment for each NAME; missing files are left out, one must be there
#
# The pull request is the open one whose head is HEAD_OWNER:HEAD_BRANCH at the commit HEAD_SHA; with a newer commit
# there is none, and nothing is posted. Besides these it needs HEAD_REPOSITORY, GITHUB_TOKEN, GITHUB_REPOSITORY and
# GITHUB_API_URL, and curl and jq.
set -eu
marker="<!-- amora $1 -->"
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

api() {
    curl -fsS --retry 3 -H "Authorization: Bearer $GITHUB_TOKEN" -H 'Accept: application/vnd.github+json' -H 'X-GitHub-Api-Version: 2022-11-28' "$@"
}

cat -- "$@" >"$folder/found" 2>/dev/null || : # those that are missing
[ -s "$folder/found" ] || {
    echo "comment: there is no $*" >&2
    exit 1
}
echo "$marker" >"$folder/text"
[ "$HEAD_REPOSITORY" = "$GITHUB_REPOSITORY" ] ||
    printf '_From a fork: its own code wrote what follows, and Azure was not asked._\n\n' >>"$folder/text"
cat "$folder/found" >>"$folder/text"
# GitHub takes 65,536 characters. --rawfile, not an argument: nothing here is for a shell to read.
jq -n --rawfile text "$folder/text" '{body: $text[0:65000]}' >"$folder/body"

# By way of a file: in a pipe, a call that fails would look like one that finds nothing.
api -G "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/pulls" --data-urlencode state=open --data-urlencode "head=$HEAD_OWNER:$HEAD_BRANCH" >"$folder/pulls"
number=$(jq -r --arg sha "$HEAD_SHA" 'map(select(.head.sha == $sha)) | first | .number // empty' "$folder/pulls")
case $number in
'')
    echo "comment: no open pull request is at $HEAD_SHA"
    exit 0
    ;;
*[!0-9]*)
    echo "comment: not a number: $number" >&2
    exit 1
    ;;
esac

comments="$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues"
page=1 mine=''
while [ -z "$mine" ]; do
    api "$comments/$number/comments?per_page=100&page=$page" >"$folder/page"
    mine=$(jq -r --arg marker "$marker" \
        'map(select(.user.login == "github-actions[bot]" and (.body | startswith($marker)))) | first | .id // empty' "$folder/page")
    [ "$(jq length "$folder/page")" -eq 100 ] || break
    page=$((page + 1))
done
if [ -n "$mine" ]; then
    api -X PATCH -d "@$folder/body" "$comments/comments/$mine" >/dev/null
    echo "comment: updated on #$number"
else
    api -X POST -d "@$folder/body" "$comments/$number/comments" >/dev/null
    echo "comment: posted on #$number"
fi
