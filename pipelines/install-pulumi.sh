#!/bin/sh
# Installs the Pulumi CLI of the version that tools/pulumi/go.mod pins, and puts it on the PATH of the steps to come.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^require github.com\/pulumi\/pulumi\/pkg\/v3 v//p' tools/pulumi/go.mod)
[ -n "$version" ] || {
    echo "install-pulumi: tools/pulumi/go.mod pins no version" >&2
    exit 1
}
script=$(mktemp)
trap 'rm -f "$script"' EXIT
curl -fsSL --retry 3 -o "$script" https://get.pulumi.com
sh "$script" --version "$version"
if [ -n "${GITHUB_PATH:-}" ]; then
    echo "$HOME/.pulumi/bin" >>"$GITHUB_PATH"
else
    echo "##vso[task.prependpath]$HOME/.pulumi/bin" # Azure DevOps reads this
fi
