#!/bin/sh
# Runs Pulumi against Azure, in the folder that has Pulumi.yaml.
#
#     pipelines/azure.sh preview STACK [FILE]   what would change; FILE gets it as Markdown, of a failed preview too
#     pipelines/azure.sh up STACK               deploys
#     pipelines/azure.sh drift STACK            fails when Azure differs from the state, and changes neither
#
# Needs pulumi, its backend (PULUMI_BACKEND_URL, or PULUMI_ACCESS_TOKEN for Pulumi Cloud) and the ARM_* variables of
# Pulumi's provider for Azure.
set -eu
usage() {
    echo "usage: pipelines/azure.sh preview|up|drift STACK" >&2
    exit 2
}
# AzureCLI@2 of Azure DevOps, with addSpnToEnvironment, gives the login under these names.
if [ -n "${idToken:-}" ]; then
    ARM_SUBSCRIPTION_ID=$(az account show --query id --output tsv)
    export ARM_USE_OIDC=true ARM_OIDC_TOKEN="$idToken" ARM_CLIENT_ID="${servicePrincipalId:?}" ARM_TENANT_ID="${tenantId:?}" ARM_SUBSCRIPTION_ID
fi
verb=${1:-} stack=${2:-}
case $stack in
'' | -* | *[!A-Za-z0-9._/-]*) usage ;;
esac
pulumi_() {
    command=$1
    shift
    pulumi "$command" --stack "$stack" --non-interactive --color never --diff "$@"
}

# What a comment can take: the end, which has the counts and the errors.
markdown() {
    echo
    echo "<details><summary>pulumi preview of $stack against Azure: $1</summary>"
    echo
    echo '```text'
    tail -c 8000 "$2" | sed "s/\`\`\`/'''/g"
    echo '```'
    echo
    echo '</details>'
}

case $verb in
preview)
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    outcome="went through" status=0
    pulumi_ preview >"$log" 2>&1 || { status=$? outcome="failed"; }
    cat "$log"
    [ -z "${3:-}" ] || markdown "$outcome" "$log" >"$3"
    exit "$status"
    ;;
up)
    pulumi_ up --yes
    ;;
drift)
    # Azure itself deletes a deployment script an hour after it ended.
    pulumi_ refresh --preview-only --expect-no-changes --exclude '**AzureCliScript**'
    ;;
*) usage ;;
esac
