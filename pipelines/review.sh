#!/bin/sh
# Writes what the working tree changes, compared with a base branch or commit, to .rehearsal/review/review.md. Needs git
# and Go, and no account.
#
#     pipelines/review.sh [BASE]      BASE: a branch or commit, default main
set -eu
cd "$(dirname "$0")/.."
GOFLAGS=$(cat pipelines/goflags)
export GOFLAGS
base=$(git rev-parse --verify --quiet --end-of-options "${1:-main}^{commit}") || {
    echo "review: no such base: ${1:-main}" >&2
    exit 1
}
# A worktree, not a copy: what is the same in both is compiled once.
folder=.rehearsal/review/base
rm -f .rehearsal/review/review.md
git worktree prune
if [ -e "$folder/.git" ]; then
    git -C "$folder" checkout --quiet --detach --force "$base"
else
    git worktree add --quiet --detach --force "$folder" "$base"
fi
echo "review: building the base, $base" >&2
(cd "$folder" && go build -o .rehearsal/bin/amora ./cmd/amora)
echo "review: building this change" >&2
go build -o .rehearsal/bin/amora ./cmd/amora
# Azure's own previews, where there are any, have the rest of the comment.
.rehearsal/bin/amora review --base "$folder" --out .rehearsal/review/review.md --limit 45000
