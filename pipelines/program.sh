#!/bin/sh
# Lets pulumi run a program that is built once: without it, pulumi links the program anew for each preview and each
# stack.
#
#     pipelines/program.sh build      builds .rehearsal/bin/program
#     pipelines/program.sh use        makes Pulumi.yaml of this checkout name it; not to be committed
set -eu
cd "$(dirname "$0")/.."
program=.rehearsal/bin/program
case ${1:-} in
build)
    GOFLAGS=$(cat pipelines/goflags)
    export GOFLAGS
    go build -ldflags "-s -w" -o "$program" .
    ;;
use)
    [ -f "$program" ] || {
        echo "program: no $program; build it first" >&2
        exit 1
    }
    chmod +x "$program" # artifacts lose it
    grep -q '^runtime: go$' Pulumi.yaml || {
        echo "program: Pulumi.yaml has no line 'runtime: go'" >&2
        exit 1
    }
    sed "s|^runtime: go\$|runtime: {name: go, options: {binary: '$PWD/$program'}}|" Pulumi.yaml >Pulumi.yaml.new
    mv Pulumi.yaml.new Pulumi.yaml
    ;;
*)
    echo "usage: pipelines/program.sh build|use" >&2
    exit 2
    ;;
esac
