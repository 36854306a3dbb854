#!/bin/sh
# Writes into the folder WORK what one night's backup does: taken.yaml has a snapshot of the volume of each of BROKERS
# brokers, expired.yaml the snapshots that are DAYS old or older, whether they exist or not. Names follow from the day:
# nothing has to be asked for, and a second run in one night changes nothing.
set -eu

MOST_BROKERS=10 # that a cluster ever had …
MOST_NIGHTS=31  # … and how many nights may have failed, one after the other
now="${NOW:-$(date +%s)}"

# The day that was some days ago.
day() { date -u -d "@$((now - $1 * 86400))" +%Y%m%d; }

# A snapshot, by the number of its broker and its day, without what it is taken of.
snapshot() {
    printf -- '---\napiVersion: snapshot.storage.k8s.io/v1\nkind: VolumeSnapshot\n'
    printf 'metadata:\n  name: %s\n  namespace: %s\n' "$CLAIM-$1-$2" "$NAMESPACE"
}

tonight=$(day 0)
broker=0
while [ "$broker" -lt "$BROKERS" ]; do
    snapshot "$broker" "$tonight"
    printf 'spec:\n  volumeSnapshotClassName: %s\n' "$CLASS"
    printf '  source:\n    persistentVolumeClaimName: %s\n' "$CLAIM-$broker"
    broker=$((broker + 1))
done >"$WORK/taken.yaml"

age=$DAYS
while [ "$age" -lt "$((DAYS + MOST_NIGHTS))" ]; do
    gone=$(day "$age")
    broker=0
    while [ "$broker" -lt "$MOST_BROKERS" ]; do
        snapshot "$broker" "$gone"
        broker=$((broker + 1))
    done
    age=$((age + 1))
done >"$WORK/expired.yaml"
