# shellcheck shell=bash
# Runs an OpenTelemetry Collector beside VerneMQ, which sends its metrics to Application Insights, while the settings
# name a connection string. A broker without metrics is better than none: what fails here is logged, and tried again by
# a later tick. Needs azure, secret, blob and log of amora-node, KNOWN of cluster.sh, and the variables of vernemq.env.
COLLECTOR="$ROOT/opt/otelcol-$COLLECTOR_VERSION"
COLLECTOR_CONFIG="$ROOT/etc/otelcol"
COLLECTOR_UNIT="$ROOT/etc/systemd/system/otelcol.service"

# In the background a step that fails ends this, and not the tick.
collect() {
    keep_collector &
    wait "$!" || log "the collector is not as it should be; VerneMQ goes on without"
}

keep_collector() {
    # Settings of an older version have no such line.
    if [ -z "${CONNECTION_URL:-}" ] || [ ! -e "$FOLDER/$COLLECTOR_FILE" ]; then
        remove_collector
        return
    fi
    install --directory --mode 0755 "$COLLECTOR_CONFIG"
    install_collector
    know_environment
    run_collector
}

remove_collector() {
    [ -d "$COLLECTOR_CONFIG" ] || return 0
    stop_collector
    rm -f "$COLLECTOR_UNIT" "$STATE"/collector.* "$STATE"/collector-*
    systemctl daemon-reload
    rm -rf "$ROOT"/opt/otelcol-*
    rm -rf "$COLLECTOR_CONFIG" # last: it says that there is something to remove
}

# There may be nothing to stop, not even a unit.
stop_collector() { systemctl stop otelcol 2>/dev/null || ! systemctl is-active --quiet otelcol; }

# The first node takes the release from GitHub, and shares it. Whoever it comes from, it is run with the right sum only.
install_collector() {
    [ ! -x "$COLLECTOR/otelcol-contrib" ] || return 0
    if [ -n "$(find "$STATE/collector-tried" -mmin -15 2>/dev/null)" ]; then
        log "the collector could not be fetched some minutes ago"
        return 1
    fi
    touch "$STATE/collector-tried"
    fetch_collector
    rm -rf "$COLLECTOR.new"
    mkdir -p "$COLLECTOR.new"
    tar --extract --gzip --no-same-owner --file "$STATE/collector.tar.gz" --directory "$COLLECTOR.new" otelcol-contrib
    chmod 0755 "$COLLECTOR.new" "$COLLECTOR.new/otelcol-contrib"
    mv "$COLLECTOR.new" "$COLLECTOR"
    rm "$STATE/collector.tar.gz" "$STATE/collector-tried"
}

# A transfer that does not come to an end holds up the next tick.
fetch_collector() {
    local name="${COLLECTOR_URL##*/}" limits=(--retry 0 --max-time 180)
    if blob "$SHARED/$name" --output "$STATE/collector.tar.gz" "${limits[@]}" && is_collector; then
        return
    fi
    curl --silent --show-error --fail --location --connect-timeout 10 "${limits[@]}" \
        --output "$STATE/collector.tar.gz" "$COLLECTOR_URL"
    is_collector
    blob "$SHARED/$name" --request PUT --header 'x-ms-blob-type: BlockBlob' \
        --upload-file "$STATE/collector.tar.gz" "${limits[@]}" ||
        log "the collector can't be shared"
}

is_collector() {
    echo "$COLLECTOR_SHA256  $STATE/collector.tar.gz" | sha256sum --check --quiet && return
    rm "$STATE/collector.tar.gz"
    return 1
}

# Looks for a new connection string every hour. What can't be had leaves the old one where it is.
know_environment() {
    local asked="$STATE/collector-asked" connection machine
    if [ ! -s "$STATE/collector.env" ] || [ -z "$(find "$asked" -mmin -60 2>/dev/null)" ] ||
        [ "$(cat "$asked")" != "$CONNECTION_URL" ]; then
        # systemd would make several variables of other texts, or cut them.
        if machine=$(know_machine) && connection=$(secret "$CONNECTION_URL") &&
            [[ $connection =~ ^[A-Za-z0-9=\;:/._-]+$ ]]; then
            printf '%s\nADDRESS=%s\n%s=%s\n' "$machine" "$ADDRESS" "$COLLECTOR_CONNECTION" "$connection" \
                >"$STATE/collector.env.new"
            mv "$STATE/collector.env.new" "$STATE/collector.env"
            echo "$CONNECTION_URL" >"$asked"
        else
            log "the collector's connection string can't be had"
        fi
    fi
    [ -s "$STATE/collector.env" ]
}

# What Azure calls this machine, and its zone, which may be none.
know_machine() {
    curl --silent --show-error --fail --retry 3 --max-time 30 --header Metadata:true \
        "${METADATA:-http://169.254.169.254}/metadata/instance/compute?api-version=2021-02-01" | python3 -c '
import json, sys
machine = json.load(sys.stdin)
print("NODE=" + machine["name"] + "\nZONE=" + machine["zone"])'
}

# Starts the collector, and starts it again when something changed: stopped first, it is so when this is interrupted as
# well.
run_collector() {
    if ! cmp --silent "$FOLDER/$COLLECTOR_FILE" "$COLLECTOR_CONFIG/$COLLECTOR_FILE" ||
        ! cmp --silent "$FOLDER/otelcol.service" "$COLLECTOR_UNIT" ||
        ! cmp --silent "$STATE/collector.env" "$COLLECTOR_CONFIG/environment"; then
        stop_collector
        install --mode 0600 "$STATE/collector.env" "$COLLECTOR_CONFIG/environment"
        install --mode 0644 "$FOLDER/$COLLECTOR_FILE" "$COLLECTOR_CONFIG/$COLLECTOR_FILE"
        install --mode 0644 "$FOLDER/otelcol.service" "$COLLECTOR_UNIT"
    fi
    if ! systemctl is-active --quiet otelcol; then
        log "the collector does not run yet"
        systemctl daemon-reload
        systemctl start otelcol
    fi
    local other
    for other in "$ROOT"/opt/otelcol-*; do
        [ "$other" = "$COLLECTOR" ] || rm -rf "$other"
    done
}

# VerneMQ's own page does not say how many members this node sees running, itself included.
report_nodes() {
    local environment="$COLLECTOR_CONFIG/environment" running labels value metric
    [ -s "$environment" ] || return 0
    running=$(grep --count ' true$' <<<"$KNOWN") || true # counted none
    labels=$(sed -n -e 's/^NODE=\(.*\)/{"key":"node","value":{"stringValue":"\1"}}/p' \
        -e 's/^ZONE=\(..*\)/,{"key":"zone","value":{"stringValue":"\1"}}/p' "$environment")
    value=$(printf '{"asInt":"%s","timeUnixNano":"%s","attributes":[%s]}' "$running" "$(date +%s%N)" "$labels")
    metric="{\"name\":\"$COLLECTOR_NODES\",\"unit\":\"1\",\"gauge\":{\"dataPoints\":[$value]}}"
    printf '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[%s]}]}]}' "$metric" |
        curl --silent --fail --max-time 5 --output /dev/null --header 'Content-Type: application/json' --data @- \
            "http://127.0.0.1:$COLLECTOR_PORT/v1/metrics" ||
        log "the collector does not take how many nodes run"
}
