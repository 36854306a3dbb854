# shellcheck shell=bash
# Installs VerneMQ, once. From its source: the first of the nodes builds it and keeps the result in the storage account,
# where the others find it. Needs blob and log of amora-node, is_founder of cluster.sh, stop and fenced of node.sh, and
# the variables of vernemq.env.

packages() {
    local installed
    installed=$(dpkg-query --show --showformat '${Status}\n' "$@" 2>/dev/null | grep -c ' installed$') || true
    [ "$installed" -lt $# ] || return 0
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=600 "$@" \
        >/dev/null
}

install_vernemq() {
    packages postgresql-client openssl ca-certificates libsnappy1v5 nftables
    id vernemq >/dev/null 2>&1 ||
        useradd --system --home-dir /var/lib/vernemq --no-create-home --shell /usr/sbin/nologin vernemq
    # An older version of this script gave VerneMQ's user the programs.
    local wanted="${PACKAGE_SHA256:-$COMMIT} of root"
    [ "$(cat "$STATE/installed" 2>/dev/null)" != "$wanted" ] || return 0
    if [ -n "$PACKAGE_URL" ]; then
        install_package
    else
        install_build
    fi
    echo "$wanted" >"$STATE/installed"
}

install_package() {
    curl --silent --show-error --fail --location --retry 3 --max-time 1800 --output "$STATE/vernemq.deb" "$PACKAGE_URL"
    echo "$PACKAGE_SHA256  $STATE/vernemq.deb" | sha256sum --check --quiet
    stop
    # What the package starts by itself would not have the data disk.
    ln -sf /dev/null "$ROOT/etc/systemd/system/vernemq.service"
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y -o DPkg::Lock::Timeout=600 \
        -o DPkg::Options::=--force-confold "$STATE/vernemq.deb" >/dev/null
    rm "$ROOT/etc/systemd/system/vernemq.service" "$STATE/vernemq.deb"
}

install_build() {
    local name="vernemq-$VERSION-${COMMIT:0:12}-ubuntu24.04-amd64.tar.gz"
    if ! blob "$SHARED/$name" --output "$STATE/build.tar.gz"; then
        if ! is_founder "$ADDRESS" && ! waited_long; then
            log "no build yet: ${MEMBERS%% *} makes it"
            return 1
        fi
        build
        # Whoever is first, all run the same build.
        blob "$SHARED/$name" --request PUT --header 'x-ms-blob-type: BlockBlob' --header 'If-None-Match: *' \
            --upload-file "$STATE/build.tar.gz" ||
            blob "$SHARED/$name" --output "$STATE/build.tar.gz"
    fi
    unpack "$ROOT/opt/vernemq.new"
    stop # one that runs would load the rest of itself from another build
    rm -rf "$ROOT/opt/vernemq"
    mv "$ROOT/opt/vernemq.new" "$ROOT/opt/vernemq"
    rm -f "$STATE/build.tar.gz" "$STATE/waiting"
}

# Any node may write the archive. What it brings is VerneMQ's to run, and nobody's but root's to change.
unpack() {
    rm -rf "$1"
    mkdir -p "$1"
    # shellcheck disable=SC2016 # another shell's
    fenced --property=ReadWritePaths="$1" sh -euc '
        cd "$1"
        tar --extract --gzip --no-same-owner
        rm -rf data log
        ln -s /var/lib/vernemq data
        ln -s /var/log/vernemq log
        ln -sf /etc/vernemq/vernemq.conf etc/vernemq.conf
        chmod -R ug-s,go=u-w .' sh "$1" <"$STATE/build.tar.gz"
}

# The first node may be lost before it has built anything.
waited_long() {
    [ -e "$STATE/waiting" ] || touch "$STATE/waiting"
    [ -n "$(find "$STATE/waiting" -mmin +45)" ]
}

build() {
    log "building VerneMQ $VERSION"
    # SASL is in erlang-base; its header, which VerneMQ includes, is in erlang-src.
    packages build-essential git erlang-base erlang-dev erlang-src erlang-asn1 erlang-crypto erlang-eldap erlang-eunit \
        erlang-inets erlang-mnesia erlang-os-mon erlang-parsetools erlang-public-key erlang-runtime-tools erlang-snmp \
        erlang-ssl erlang-syntax-tools erlang-tools erlang-xmerl libsnappy-dev libssl-dev
    # shellcheck disable=SC2016 # another shell's
    # By a user that is there for this only: much of what comes along is code that runs as it is built.
    fenced --property=DynamicUser=yes --setenv=VERSION="$VERSION" --setenv=COMMIT="$COMMIT" bash -euc '
        HOME=$(mktemp --directory)
        export HOME
        cd "$HOME"
        git clone --quiet --depth 1 --branch "$VERSION" https://github.com/vernemq/vernemq.git .
        if [ "$(git rev-parse HEAD)" != "$COMMIT" ]; then
            echo "the tag $VERSION is not $COMMIT any more" >&2
            exit 1
        fi
        make rel >&2
        tar --create --gzip --directory _build/default/rel/vernemq .' \
        </dev/null >"$STATE/build.tar.gz" 2>"$STATE/build.log" || {
        tail -n 30 "$STATE/build.log" >&2
        return 1
    }
}
