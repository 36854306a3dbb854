# shellcheck shell=bash
# What amora-node does on a machine with VerneMQ. Every step leaves alone what is as it should be, so that all of them
# run every minute, after a reboot as on a new machine.
ROOT="${ROOT:-}" # for tests
DATA="$ROOT/var/lib/vernemq"
CONFIG="$ROOT/etc/vernemq"
UNIT="$ROOT/etc/systemd/system/vernemq.service"
# shellcheck source=/dev/null
. "$FOLDER/vernemq.env"
# shellcheck source=install.sh
. "$FOLDER/install.sh"
# shellcheck source=cluster.sh
. "$FOLDER/cluster.sh"
# shellcheck source=collector.sh
. "$FOLDER/collector.sh"

# Runs what may do what an attacker wants: with the fence of VerneMQ's own unit, and what systemd-run is told besides.
fenced() {
    local fence
    mapfile -t fence < <(sed -n '1,/^# The fence/d; s/^[A-Z]/--property=&/p' "$FOLDER/vernemq.service")
    [ "${#fence[@]}" -gt 0 ]
    systemd-run --quiet --pipe --wait --collect "${fence[@]}" --setenv=HOME=/tmp "$@"
}

# Two Erlang nodes that are connected do what the other one asks for: vmq-admin may no more than VerneMQ. It would start
# an epmd that ends with it, with VerneMQ's name in it. People run it by this as well: amora-node vmq_admin.
vmq_admin() { fenced --uid=vernemq --setenv=NO_EPMD=1 "$VMQ_ADMIN" "$@"; }

tick() { reconcile; }

reconcile() {
    mount_data
    if ! is_wanted "$ADDRESS" || leaving; then
        depart
        return
    fi
    install_vernemq
    limit_addresses || log "addresses of clients are not limited" # clients are served all the same
    apply_schema
    fetch_certificate
    settled || settle
    run
    report_nodes
    if acts; then
        admit
        forget_lost
    else
        rm -rf "$STATE/lost" # too old when this node acts again
    fi
    collect
}

# deploy VERSION [ADDRESS…] ends well once the node serves, and, if addresses are given, once nobody else is in the
# cluster.
deploy() {
    local end=$((SECONDS + ${LIMIT:-5000}))
    rm -f "$STATE/schema" "$STATE/certificate-checked" "$STATE/node.conf" "$STATE"/collector-* # looked at anew
    # A process of its own: a step that fails in a condition would not end it.
    until "$0" reconcile && serves && only "${@:2}"; do
        if [ "$SECONDS" -ge "$end" ]; then
            log "the node does not serve, or others have not left"
            return 1
        fi
        sleep "${PAUSE:-10}"
    done
    log "the node serves with $1"
}

# Runs one operation on users and rules: its name and values are in the environment.
admin() { as_database_admin sh "$FOLDER/admin.sh"; }

as_database_admin() {
    local password
    password=$(secret "$ADMIN_PASSWORD_URL")
    PGHOST="$DATABASE_HOST" PGDATABASE="$DATABASE_NAME" PGUSER="$DATABASE_ADMIN" PGPASSWORD="$password" \
        PGSSLMODE="${PGSSLMODE:-verify-full}" PGSSLROOTCERT="${PGSSLROOTCERT:-system}" "$@"
}

# Each password of the brokers has a role of its own in the database.
role_of() { echo "${DATABASE_ROLES}_$(printf '%s' "$1" | sha256sum | cut -c1-8)"; }

mount_data() {
    mkdir -p "$DATA"
    ! mountpoint --quiet "$DATA" || return 0
    local device="" candidate kind code=0
    for candidate in "$ROOT/dev/disk/azure/scsi1/lun$LUN" "$ROOT/dev/disk/azure/data/by-lun/$LUN"; do
        [ ! -e "$candidate" ] || device="$candidate"
    done
    if [ -z "$device" ]; then
        log "the data disk is not attached"
        return 1
    fi
    # Two stands for a disk on which nothing was found, and for one that can't be read. Only a blank one is formatted.
    kind=$(blkid --probe --output value --match-tag TYPE "$device") || code=$?
    if [ "$code" -eq 2 ] && cmp --silent --bytes=1048576 "$device" /dev/zero; then
        mkfs.ext4 -q -m 1 -L vernemq "$device"
    elif [ "$kind" != ext4 ]; then
        log "the data disk holds ${kind:-something else}, and is left alone"
        return 1
    fi
    mount -o noatime "$device" "$DATA"
}

apply_schema() {
    local stamp password
    stamp=$({ cat "$FOLDER/schema.sql" "$FOLDER/schema.sh" && echo "$CLIENT_IDS"; } | sha256sum)
    [ "$(cat "$STATE/schema" 2>/dev/null)" != "$stamp" ] || return 0
    password=$(secret "$BROKER_PASSWORD_URL")
    BROKER=vernemq BROKER_ROLE=$(role_of "$password") BROKER_PASSWORD="$password" SCHEMA="$FOLDER/schema.sql" \
        CLIENT_IDS="$CLIENT_IDS" as_database_admin sh "$FOLDER/schema.sh"
    echo "$stamp" >"$STATE/schema"
}

# One address opens as many connections as it may at EMQX's edge: 200 at once and 20 a second from then on, and 500 that
# stand. The balancer keeps it. Private ones are the network's own, and 168.63.129.16 has Azure's probes. A set that is
# full limits nobody new. Loaded again, which counts standing connections from none on, only when it changes.
limit_addresses() {
    local rules="$STATE/limits.nft"
    cat >"$rules.new" <<NFT
table inet amora
delete table inet amora
table inet amora {
    set rate { type ipv4_addr; flags dynamic, timeout; timeout 1m; size 65536; }
    set standing { type ipv4_addr; flags dynamic; size 65536; }
    chain clients {
        type filter hook input priority filter; policy accept;
        tcp dport { $MQTT_PORT, $WEBSOCKET_PORT } ct state new jump address
    }
    chain address {
        ip saddr { 10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16, 168.63.129.16 } return
        update @rate { ip saddr limit rate over 20/second burst 200 packets } drop
        add @standing { ip saddr ct count over 500 } reject with tcp reset
    }
}
NFT
    if cmp --silent "$rules.new" "$rules" && nft list table inet amora >/dev/null 2>&1; then
        rm "$rules.new"
        return
    fi
    nft --file "$rules.new" || return
    mv "$rules.new" "$rules"
    # Each connection that stands has an entry, of some 300 bytes; by default there are 262,144.
    # https://docs.kernel.org/networking/nf_conntrack-sysctl.html
    sysctl --quiet --write net.netfilter.nf_conntrack_max=1048576
}

# Looks for a new certificate every hour. One that can't be had leaves the old one where it is.
fetch_certificate() {
    local checked="$STATE/certificate-checked"
    install --directory --mode 0750 --owner root --group vernemq "$CONFIG"
    [ -z "$(find "$checked" -mmin -60 2>/dev/null)" ] || [ ! -s "$CONFIG/tls.pem" ] || return 0
    if secret "$CERTIFICATE_URL" >"$STATE/certificate" &&
        IN="$STATE/certificate" OUT="$STATE/tls.pem" HOSTS="${HOSTS:-}" sh "$FOLDER/certificate.sh" >&2; then
        touch "$checked"
        if ! cmp --silent "$STATE/tls.pem" "$CONFIG/tls.pem"; then
            install --mode 0640 --group vernemq "$STATE/tls.pem" "$CONFIG/tls.pem"
            # Those that are connected stay. The command fails after it has done its work.
            ! systemctl is-active --quiet vernemq || vmq_admin tls clear-pem-cache >/dev/null 2>&1 || true
        fi
    fi
    rm -f "$STATE/certificate" "$STATE/tls.pem"
    [ -s "$CONFIG/tls.pem" ]
}

# What only this node has, and what is secret. It is asked for when a version is deployed, and kept.
write_node_conf() {
    [ ! -s "$STATE/node.conf" ] || return 0
    local password
    password=$(secret "$BROKER_PASSWORD_URL")
    cat >"$STATE/node.conf.new" <<CONF
nodename = $(name_of "$ADDRESS")
distributed_cookie = $COOKIE
listener.vmq.clustering = $ADDRESS:$CLUSTER_PORT
vmq_diversity.postgres.host = $DATABASE_HOST
vmq_diversity.postgres.user = $(role_of "$password")
vmq_diversity.postgres.password = $password
CONF
    mv "$STATE/node.conf.new" "$STATE/node.conf"
}

# A node takes clients once it is in the cluster: one that is still to join has to be empty.
write_listeners() {
    if ! settled; then
        echo "listener.http.default = 127.0.0.1:$HEALTH_PORT"
        return
    fi
    local kind client_ca="$FOLDER/client-ca.pem"
    echo "listener.http.default = $ADDRESS:$HEALTH_PORT"
    echo "listener.ssl.default = $ADDRESS:$MQTT_PORT"
    echo "listener.wss.default = $ADDRESS:$WEBSOCKET_PORT"
    for kind in ssl wss; do
        echo "listener.$kind.certfile = $CONFIG/tls.pem"
        echo "listener.$kind.keyfile = $CONFIG/tls.pem"
        # Newer Erlangs want one, even where clients are asked for no certificate.
        echo "listener.$kind.cafile = $CONFIG/ca.pem"
        [ ! -e "$client_ca" ] || echo "listener.$kind.require_certificate = on"
    done
}

write_client_ca() {
    local from="$FOLDER/client-ca.pem"
    [ -e "$from" ] || from="$CONFIG/tls.pem"
    sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p' "$from" >"$STATE/ca.pem"
    install --mode 0644 "$STATE/ca.pem" "$CONFIG/ca.pem"
}

# There may be nothing to stop, not even a unit.
stop() { systemctl stop vernemq 2>/dev/null || ! systemctl is-active --quiet vernemq; }

# Starts VerneMQ, and starts it again when its configuration changed: stopped first, it is so when this is interrupted
# as well.
run() {
    write_node_conf
    cat "$FOLDER/vernemq.conf" "$STATE/node.conf" >"$STATE/vernemq.conf"
    write_listeners >>"$STATE/vernemq.conf"
    write_client_ca
    if ! cmp --silent "$STATE/vernemq.conf" "$CONFIG/vernemq.conf" ||
        ! cmp --silent "$FOLDER/vernemq.service" "$UNIT" ||
        ! cmp --silent "$FOLDER/auth.lua" "$CONFIG/auth.lua"; then
        stop
        install --mode 0640 --group vernemq "$FOLDER/auth.lua" "$CONFIG/auth.lua"
        install --mode 0640 --group vernemq "$STATE/vernemq.conf" "$CONFIG/vernemq.conf"
        install --mode 0644 "$FOLDER/vernemq.service" "$UNIT"
    fi
    rm "$STATE/vernemq.conf"
    if ! systemctl is-active --quiet vernemq; then
        # Another machine may have written the disk, under another number of the same user.
        chown -R vernemq:vernemq "$DATA"
        chmod 0700 "$DATA" # VerneMQ keeps copies of its configuration there
        systemctl daemon-reload
        systemctl start vernemq
    fi
    answers
}

# A listener that did not start is not seen by the health page.
serves() {
    curl --silent --fail --max-time 10 --output /dev/null "http://$ADDRESS:$HEALTH_PORT$HEALTH_PATH" &&
        takes_clients "$ADDRESS" && takes_clients "$ADDRESS" "$WEBSOCKET_PORT"
}
