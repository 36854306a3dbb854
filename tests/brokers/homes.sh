#!/bin/sh
# Fetches the brokers into FOLDER, for `make test-brokers`, and prints the variables that name them. EMQX comes out of
# the image that is deployed, VerneMQ is built by its own install.sh on the system that its machines have, both with
# Docker. HiveMQ's Community Edition comes from Maven Central, the extension of a stack without a licence from GitHub.
set -eu
folder="${1:?usage: tests/brokers/homes.sh FOLDER}"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/../.."

# said FILE PATTERN: what the pattern's group is there. Each of these names has one place, in the program.
said() {
    said=$(sed -n "s|.*$2.*|\\1|p" "$1")
    [ -n "$said" ] || {
        echo "homes: $1 has no $2" >&2
        exit 1
    }
    echo "$said"
}

emqx() {
    image=$(said stacks/config.go 'EMQX{Image: "\([^"]*\)"')
    container=$(docker create --pull always "$image")
    docker image inspect --format 'homes: {{join .RepoDigests " "}}' "$image" >&2
    docker cp --quiet "$container:/opt/emqx" "$folder/emqx"
    docker cp --quiet --follow-link "$container:/usr/bin/docker-entrypoint.sh" "$folder/emqx/bin/docker-entrypoint.sh"
    docker rm --volumes "$container" >/dev/null
}

# The machine's own way of getting VerneMQ, as far as the storage account: there is no build in it yet, and the one that
# is made is what is wanted.
vernemq() {
    version=$(said components/assets/vernemq.go 'vernemqVersion *= "\([^"]*\)"')
    commit=$(said components/assets/vernemq.go 'vernemqCommit *= "\([^"]*\)"')
    container=$(docker create --pull always --env VERSION="$version" --env COMMIT="$commit" ubuntu:24.04 bash -euc '
        set -o pipefail
        umask 077
        ADDRESS=10.0.0.4 MEMBERS=10.0.0.4 SHARED=shared PACKAGE_URL="" PACKAGE_SHA256="" ROOT="" STATE=/state
        log() { echo "$*" >&2; }
        is_founder() { true; }
        stop() { true; }
        fenced() { while [ "${1#--}" != "$1" ]; do case $1 in --setenv=*) export "${1#*=}" ;; esac; shift; done; "$@"; }
        blob() { case "$*" in *" PUT "*) tar --extract --file "${@: -1}" --directory /release ;; *) return 1 ;; esac }
        mkdir -p "$STATE" /release
        . /install.sh
        install_vernemq')
    docker cp --quiet components/assets/vernemq/install.sh "$container:/install.sh"
    docker start --attach "$container" >&2
    docker cp --quiet "$container:/release" "$folder/vernemq"
    docker rm "$container" >/dev/null
}

hivemq() {
    mvn --batch-mode --quiet --file tests/brokers/hivemq/pom.xml dependency:copy-dependencies \
        -DoutputDirectory="$folder/hivemq/lib" >&2
    version=$(said components/assets/hivemq.go 'fileRBACVersion *= "\([^"]*\)"')
    url=$(said components/assets/hivemq/broker.yaml.tmpl 'extensionUri: \(.*\)')
    url=$(echo "$url" | sed "s|{{.FileRBACVersion}}|$version|g")
    mkdir -p "$folder/hivemq/extensions"
    curl --silent --show-error --fail --location --retry 3 --output "$folder/extension.zip" "$url"
    unzip -q -o "$folder/extension.zip" -d "$folder/hivemq/extensions"
    rm "$folder/extension.zip"
}

for broker in emqx vernemq hivemq; do
    rm -rf "${folder:?}/$broker"
    "$broker"
    echo "AMORA_$(echo "$broker" | tr '[:lower:]' '[:upper:]')_HOME=$folder/$broker"
done
