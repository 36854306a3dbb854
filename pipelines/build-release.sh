#!/bin/sh
# Builds amora and the Pulumi program for an operating system and a processor, as one archive in dist.
#
#     pipelines/build-release.sh VERSION GOOS GOARCH
set -eu
cd "$(dirname "$0")/.."
version=$1 GOOS=$2 GOARCH=$3
GOFLAGS=$(cat pipelines/goflags)
export GOOS GOARCH GOFLAGS CGO_ENABLED=0
suffix=''
[ "$GOOS" != windows ] || suffix=.exe
name="mqtt-on-azure_${version}_${GOOS}_${GOARCH}"
mkdir -p "dist/$name"
go build -ldflags "-s -w" -o "dist/$name/amora$suffix" ./cmd/amora
go build -ldflags "-s -w" -o "dist/$name/program$suffix" .
cp LICENSE "dist/$name"
tar -C dist -czf "dist/$name.tar.gz" "$name"
rm -r "dist/${name:?}"
(cd dist && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
