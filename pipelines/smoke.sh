#!/bin/sh
# Proves the endpoints of a deployed stack with real clients, where its user is set up: docs/smoke.md says how.
#
#     pipelines/smoke.sh STACK       needs SMOKE_USER, MQTT_PASSWORD, pulumi and az logged in, and .rehearsal/bin/amora
set -eu
cd "$(dirname "$0")/.."
# shellcheck disable=SC2016 # the name itself is meant
case ${SMOKE_USER:-} in
'' | '$('*) # Azure DevOps leaves the name of a variable that is not set
    echo "smoke: SMOKE_USER is not set; nothing is proven"
    exit 0
    ;;
esac
chmod +x .rehearsal/bin/amora # artifacts lose it
mqtt=$(pulumi stack output mqttEndpoint --stack "$1")
websocket=$(pulumi stack output websocketEndpoint --stack "$1")
stack=$1
set -- --user "$SMOKE_USER" --endpoint "$mqtt" --endpoint "$websocket"
mode=$(pulumi config get --path tls.mode --stack "$stack" 2>/dev/null) || mode=self-signed # which it is without that key
if [ "$mode" = self-signed ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    vault=$(pulumi stack output vaultName --stack "$stack")
    az keyvault certificate download --vault-name "$vault" --name mqtt-tls --encoding PEM --file "$folder/mqtt.pem" --output none
    set -- "$@" --ca "$folder/mqtt.pem"
fi
.rehearsal/bin/amora smoke "$@"
