#!/bin/sh
# Checks the workflows and the pipelines' scripts. With CI=true, a missing shellcheck is an error.
set -eu
cd "$(dirname "$0")/.."
(cd tools/actionlint && go build -o ../../.rehearsal/bin/actionlint github.com/rhysd/actionlint/cmd/actionlint)
if command -v shellcheck >/dev/null; then
    shellcheck pipelines/*.sh
elif [ "${CI:-}" = true ]; then
    echo "lint: shellcheck is not installed" >&2
    exit 1
else
    echo "lint: shellcheck is not installed; the scripts of the pipelines are not checked"
fi
.rehearsal/bin/actionlint # with shellcheck, where it is there
