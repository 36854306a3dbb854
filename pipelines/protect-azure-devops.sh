#!/bin/sh
# The part of protect.sh for Azure DevOps: the checks of the service connections and variable groups amora-dev, amora-prod
# and so on, and of the environments dev and prod. A pull request runs the branch's own azure-pipelines.yml, so that only
# what the resources ask for themselves keeps it from them.
#
# Needs ORGANIZATION (https://dev.azure.com/NAME), PROJECT and APPROVER, the id of a group or a person. Types and settings
# are those of microsoft/terraform-provider-azuredevops, internal/service/approvalsandchecks.
# shellcheck disable=SC2154 # of protect.sh
project=${ORGANIZATION:?}/${PROJECT:?}/_apis
: "${APPROVER:?}"

# 499b84ac-1321-427f-aa17-267ca6975798 is Azure DevOps.
devops() { # METHOD PATH-AND-QUERY
    if [ "$1" = get ]; then
        az rest --only-show-errors --resource 499b84ac-1321-427f-aa17-267ca6975798 --method get --url "$project/$2"
    else
        az rest --only-show-errors --resource 499b84ac-1321-427f-aa17-267ca6975798 --method "$1" --url "$project/$2" \
            --headers Content-Type=application/json --body "@$folder/body"
    fi
}

# resource finds the id of a connection, group or environment: TYPE NAME
resource() {
    case $1 in
    endpoint) devops get "serviceendpoint/endpoints?endpointNames=$2&api-version=7.1" ;;
    variablegroup) devops get "distributedtask/variablegroups?groupName=$2&api-version=7.1" ;;
    environment) devops get "distributedtask/environments?name=$2&api-version=7.1" ;;
    esac >"$folder/found"
    id=$(jq -r --arg name "$2" '.value | map(select(.name == $name)) | first | .id // empty' "$folder/found")
}

# must is one check of the resource: TYPE NAME WHAT, and its type and settings as standard input.
must() {
    resource "$1" "$2"
    if [ -z "$id" ]; then
        complain "$1 $2 is missing"
        cat >/dev/null
        return
    fi
    jq --arg type "$1" --arg id "$id" '. + {resource: {type: $type, id: $id}}' >"$folder/body"
    devops get "pipelines/checks/configurations?resourceType=$1&resourceId=$id&\$expand=settings&api-version=7.1-preview.1" \
        >"$folder/all"
    jq --slurpfile wants "$folder/body" '.value | map(select(.type.id == $wants[0].type.id and
        .settings.definitionRef.id == $wants[0].settings.definitionRef.id)) | first' "$folder/all" >"$folder/found"
    # Of an approver Azure DevOps gives back the name and more as well.
    jq 'if . then {settings, timeout} | if .settings.approvers then .settings.approvers |= map({id}) else . end
        else . end' "$folder/found" >"$folder/has"
    jq '{settings, timeout}' "$folder/body" >"$folder/wants"
    was=$(jq -r '.id // empty' "$folder/found")
    if [ -n "$was" ]; then
        jq --slurpfile found "$folder/found" '. + ($found[0] | {id, version})' "$folder/body" >"$folder/sent"
        mv "$folder/sent" "$folder/body"
        keep "$1 $2: $3" devops patch "pipelines/checks/configurations/$was?api-version=7.1-preview.1"
    else
        keep "$1 $2: $3" devops post "pipelines/checks/configurations?api-version=7.1-preview.1"
    fi
}

# main's code alone, and a main that has policies of its own
main_only() {
    must "$1" "$2" 'branch control' <<'JSON'
{"type": {"id": "fe1de3ee-a436-41b4-bb20-f6eb4cb879a7"}, "timeout": 1440, "settings": {
  "displayName": "main alone",
  "definitionRef": {"id": "86b05a0c-73e6-4f7d-b3cf-e38f3b39a75b", "name": "evaluatebranchProtection", "version": "0.0.1"},
  "inputs": {"allowedBranches": "refs/heads/main", "ensureProtectionOfBranch": "true", "allowUnknownStatusBranch": "false"}}}
JSON
}

approved() {
    must "$1" "$2" approval <<JSON
{"type": {"id": "8c6f20a7-a545-4486-9777-f762fafe0d4d", "name": "Approval"}, "timeout": 43200, "settings": {
  "instructions": "Read the code before it runs with this.", "minRequiredApprovers": 1,
  "requesterCannotBeApprover": true, "approvers": [{"id": "$APPROVER"}]}}
JSON
}

one_at_a_time() {
    must environment "$1" 'exclusive lock' <<'JSON'
{"type": {"id": "2ef31ad6-baa0-403a-8b45-2cbc9b4e5563"}, "timeout": 43200, "settings": {}}
JSON
}

for name in dev prod; do
    resource environment "$name"
    jq -n --arg id "$id" 'if $id == "" then null else {} end' >"$folder/has"
    echo '{}' >"$folder/wants"
    jq -n --arg name "$name" '{name: $name}' >"$folder/body"
    keep "environment $name" devops post "distributedtask/environments?api-version=7.1"
    main_only environment "$name"
    one_at_a_time "$name"
done
for type in endpoint variablegroup; do
    for name in dev prod drift-dev drift-prod; do
        main_only "$type" "amora-$name"
    done
    for name in prod review-dev review-prod; do
        approved "$type" "amora-$name"
    done
done
# A change's own code is not to have the user that proves endpoints.
for name in review-dev review-prod drift-dev drift-prod; do
    resource variablegroup "amora-$name"
    if jq -e --arg name "amora-$name" '.value[] | select(.name == $name) | .variables.SMOKE_PASSWORD' \
        "$folder/found" >/dev/null; then
        complain "variablegroup amora-$name has SMOKE_PASSWORD"
    fi
done
