#!/bin/bash
# Copies public images into the registry, inside Azure. IMAGES holds pairs SOURCE=TARGET.
set -euo pipefail
for pair in $IMAGES; do
    source="${pair%%=*}"
    target="${pair#*=}"
    if az acr manifest show-metadata --registry "$REGISTRY_NAME" --name "$target" --output none 2>/dev/null; then
        echo "$target is there"
        continue
    fi
    # A role that was assigned seconds ago may not be known everywhere yet, and Docker Hub turns away who pulls too
    # often.
    for try in 1 2 3 4 5 6 7 8; do
        if az acr import --name "$REGISTRY_NAME" --source "$source" --image "$target" --force --output none; then
            echo "$target imported"
            continue 2
        fi
        echo "$target: try $try failed" >&2
        sleep "$((try * ${WAIT:-15}))"
    done
    exit 1
done
