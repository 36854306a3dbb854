#!/bin/sh
# Installs the Pulumi CLI of the version that tools/pulumi/go.mod pins, and puts it on the PATH of the steps to come. The
# archive must be the one whose checksum pulumi.sha256 has: it is run with the login that deploys.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^require github.com\/pulumi\/pulumi\/pkg\/v3 v//p' tools/pulumi/go.mod)
[ -n "$version" ] || {
    echo "install-pulumi: tools/pulumi/go.mod pins no version" >&2
    exit 1
}
case $(uname -m) in
aarch64 | arm64) machine=arm64 ;;
*) machine=x64 ;;
esac
archive=pulumi-v$version-linux-$machine.tar.gz
sum=$(grep " $archive\$" pipelines/pulumi.sha256) || {
    echo "install-pulumi: pipelines/pulumi.sha256 has no checksum of $archive" >&2
    exit 1
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
curl -fsSL --retry 3 -o "$folder/$archive" "https://github.com/pulumi/pulumi/releases/download/v$version/$archive"
(cd "$folder" && echo "$sum" | sha256sum --check --quiet)
mkdir -p "$HOME/.pulumi/bin"
tar -xzf "$folder/$archive" -C "$HOME/.pulumi/bin" --strip-components 1 # of the folder pulumi
if [ -n "${GITHUB_PATH:-}" ]; then
    echo "$HOME/.pulumi/bin" >>"$GITHUB_PATH"
else
    echo "##vso[task.prependpath]$HOME/.pulumi/bin" # Azure DevOps reads this
fi
