# shellcheck shell=bash
# Who is in the cluster. Where no node takes clients, the first of the members founds the cluster; every other one that
# is new joins it, once those who are there have forgotten whoever had its address before. A node that is no longer
# wanted hands over and leaves; one that is lost and not wanted is forgotten. Needs blob and log of amora-node,
# vmq_admin of node.sh, and the variables of vernemq.env.

name_of() { echo "VerneMQ@$1"; }
is_wanted() { [[ " $MEMBERS " == *" $1 "* ]]; }
is_founder() { [ "${MEMBERS%% *}" = "$1" ]; }

# Leaves a mark on the data disk. That is VerneMQ's to write: a file could be led elsewhere by a link in its place. So a
# mark is a link itself, which says something and is never followed.
mark() { ln --symbolic --force --no-target-directory "$2" "$DATA/$1"; }

# A node is settled once it is in the cluster. The mark is on the data disk: a new disk makes a new node.
settled() { [ -e "$DATA/settled" ]; }

# Lists everybody in the cluster: ADDRESS true|false, which says whether that one runs. Fails while VerneMQ does not
# answer, and when it says anything else.
members() {
    vmq_admin cluster show --format=json </dev/null | python3 -c '
import ipaddress, json, sys
for row in json.load(sys.stdin)["table"]:
    print(ipaddress.IPv4Address(row["Node"].split("@")[1]), str(row["Running"] is True).lower())' 2>/dev/null | grep .
}
knows() { members | grep --quiet "^$1 "; }

# Not the opposite of knows: without an answer neither holds.
lacks() {
    local known
    known=$(members) && ! grep --quiet "^$1 " <<<"$known"
}

# Waits until VerneMQ answers, and notes in KNOWN who is there.
KNOWN=""
answers() {
    local try
    for ((try = 1; try <= ${TRIES:-60}; try++)); do
        if KNOWN=$(members 2>/dev/null); then
            return
        fi
        log "VerneMQ does not answer yet ($try)"
        sleep "${WAIT:-2}"
    done
    return 1
}

# Whether a node takes clients, which it does only when it is settled.
takes_clients() { timeout 3 bash -c "exec 3<>/dev/tcp/$1/${2:-$MQTT_PORT}" 2>/dev/null; }

# Names the first other node that takes clients.
anybody() {
    local peer
    for peer in $MEMBERS; do
        if [ "$peer" != "$ADDRESS" ] && takes_clients "$peer"; then
            echo "$peer"
            return
        fi
    done
    return 1
}

# Finds a new node its place in the cluster, before it takes clients.
settle() {
    local peer="" try
    for try in 1 2 3 4 5 6; do
        if peer=$(anybody) || ! is_founder "$ADDRESS"; then
            break
        fi
        # The founder gives others that may be there a minute to answer.
        [ "$try" = 6 ] || sleep "${PATIENCE:-10}"
    done
    if [ -n "$peer" ]; then
        join "$peer"
    elif is_founder "$ADDRESS"; then
        log "nobody is there: this node founds the cluster"
    else
        log "nobody takes clients yet; ${MEMBERS%% *} founds the cluster"
        return 1
    fi
    mark settled /dev/null
}

# The others' memory of a node that had this address would mix with what this one is now, and only an empty node may
# join.
join() {
    stop
    empty_disk
    introduce
    run
    vmq_admin cluster join "discovery-node=$(name_of "$1")" || true # asked for below
    local try
    for ((try = 1; try <= ${TRIES:-60}; try++)); do
        if knows "$1"; then
            log "joined $1"
            return
        fi
        log "$1 is not there yet ($try)"
        sleep "${WAIT:-2}"
    done
    return 1
}

empty_disk() {
    rm -f "$DATA/settled" # first: half of what was there must not start
    find "$DATA" -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf {} +
}

# Leaves a note for the others, and waits until one of them has taken it away: see admit.
introduce() {
    local note="$SHARED/new-$ADDRESS" try
    echo "$ADDRESS" >"$STATE/note"
    blob "$note" --request PUT --header 'x-ms-blob-type: BlockBlob' --upload-file "$STATE/note"
    for ((try = 1; try <= ${NOTE_TRIES:-60}; try++)); do
        if [ "$(blob "$note" --head --output /dev/null --write-out '%{http_code}' 2>/dev/null)" = 404 ]; then
            return
        fi
        log "waiting to be let in ($try)"
        sleep "${NOTE_WAIT:-5}"
    done
    return 1
}

# Whether this node acts for all: it is the first one that runs.
acts() {
    local node
    for node in $MEMBERS; do
        if grep --quiet --line-regexp "$node true" <<<"$KNOWN"; then
            [ "$node" = "$ADDRESS" ]
            return
        fi
    done
    return 1
}

# Forgets a node that does not run; the cluster gives what it knew of its clients to the others.
forget() {
    vmq_admin cluster leave "node=$(name_of "$1")" </dev/null || true # asked for below
    sleep "${GOSSIP:-30}"
    if ! lacks "$1"; then
        log "could not forget $1 yet"
        return 1
    fi
}

# Lets those in who are new, after forgetting whoever had their address.
admit() {
    local node note
    for node in $MEMBERS; do
        note="$SHARED/new-$node"
        if [ "$node" = "$ADDRESS" ] || ! blob "$note" --head --output /dev/null 2>/dev/null; then
            continue
        fi
        log "$node is new"
        lacks "$node" || forget "$node" || continue
        blob "$note" --request DELETE
    done
}

# Forgets those who are not wanted and have not run for some minutes.
forget_lost() {
    local node runs marks="$STATE/lost"
    mkdir -p "$marks"
    while read -r node runs; do
        if is_wanted "$node" || [ "$runs" = true ]; then
            rm -f "$marks/$node"
        elif [ ! -e "$marks/$node" ]; then
            touch "$marks/$node"
        elif [ -n "$(find "$marks/$node" -mmin "+${GRACE:-3}")" ]; then
            log "$node is lost and not wanted"
            forget "$node"
            rm "$marks/$node"
        fi
    done <<<"$KNOWN"
}

# A node that has begun to leave brings it to an end, even when it is wanted again: it takes no clients any more.
leaving() { settled && { [ -L "$DATA/leaving" ] || [ -e "$DATA/leaving" ]; }; }

# After a reboot VerneMQ is stopped as well, and was perhaps not done; a crashed one is about to start again.
left() {
    [ "$(readlink "$DATA/leaving")" = "$(cat "$ROOT/proc/sys/kernel/random/boot_id")" ] &&
        [ "$(systemctl show --property ActiveState --value vernemq)" = inactive ]
}

# Hands over clients and what waits for them, and leaves. VerneMQ stops by itself when that is done; what is on the disk
# then is worth nothing, and would keep the node from joining again.
depart() {
    if ! settled; then
        stop
        return
    fi
    if ! left; then
        systemctl is-active --quiet vernemq || systemctl start vernemq
        answers
        # It does not leave when it is alone, as it is when it had left before a reboot. Twice, because it may take a
        # moment to find the others.
        if leaving && [ "${KNOWN% *}" = "$ADDRESS" ]; then
            log "nobody is there to hand over to"
            stop
            empty_disk
            return
        fi
        log "no longer wanted: leaving the cluster"
        mark leaving "$(cat "$ROOT/proc/sys/kernel/random/boot_id")"
        # It may take longer than the command waits.
        vmq_admin cluster leave "node=$(name_of "$ADDRESS")" -k -i 5 -t 300 || true
    fi
    local try
    for ((try = 1; try <= ${TRIES:-60}; try++)); do
        if left; then
            empty_disk
            log "left the cluster"
            return
        fi
        log "still leaving ($try)"
        sleep "${WAIT:-2}"
    done
    return 1
}

# Whether nobody is in the cluster but these, or no addresses are given.
only() {
    [ $# -gt 0 ] || return 0
    local known node
    known=$(members) || return 1
    while read -r node _; do
        [[ " $* " == *" $node "* ]] || return 1
    done <<<"$known"
}
