#!/bin/sh
# Fails unless the commit that is checked out is on origin/main. A tag can be pushed at any commit, and what is released
# is to have been reviewed.
set -eu
commit=$(git rev-parse --verify HEAD)
git merge-base --is-ancestor "$commit" origin/main || {
    echo "release: $commit is not on main" >&2
    exit 1
}
