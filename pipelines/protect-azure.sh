#!/bin/sh
# The part of protect.sh for Azure: for one stack an identity that deploys, one that previews and one that looks for
# drift, each trusted for the jobs of one environment on GitHub, with roles on the stack's subscription and its state.
#
# Needs STATE, the ARM id of the storage account; the identities are in its resource group. The subscription is
# ARM_SUBSCRIPTION_ID or az' own, the repository GITHUB_REPOSITORY. REVIEW_ROLES and DRIFT_ROLES are GUIDs of further
# roles on the subscription, as docs/pull-request.md has them. Names and values are those of
# https://learn.microsoft.com/rest/api: managedidentity, authorization, storagerp.
# shellcheck disable=SC2154 # of protect.sh
stack=$2
subscription=${ARM_SUBSCRIPTION_ID:-$(az account show --query id --output tsv)}
scope=/subscriptions/$subscription
group=${STATE:?}
group=${group%/providers/*}
identities=$group/providers/Microsoft.ManagedIdentity/userAssignedIdentities
container=$STATE/blobServices/default/containers/state-$stack

# Contributor on the subscription may also change whom the identities in it trust, prod's too.
case "$stack $group" in
"dev $scope/"*) complain "the state and the identities are in dev's subscription: whoever deploys dev could become prod" ;;
esac

# What the program assigns (components/roles.go). With the condition nothing else is, and to identities alone.
assigned='f1a07417-d97a-45cb-824c-7a7467783830, 4d97b98b-1d4f-4787-a291-c67834d212e7,
    2a2b9908-6ea1-4ae2-8e65-a410df84e7d1, ba92f5b4-2d11-453d-a403-e96b0029c9fe, 7f951dda-4ed3-4680-a7ca-43fe172d538d,
    577a9874-89fd-4f24-9dbd-b5034d0ad23a, 7efff54f-a5b4-42b5-a1c5-5411624893ce, 4633458b-17de-408a-b874-0445c86b69e6,
    a4417e6f-fecd-4de8-b567-7b0420556985'
assigned=$(echo "$assigned" | tr -s ' \n' ' ' | sed 's/ $//')
# https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
limited() { # ACTION SOURCE
    prefix="@$2[Microsoft.Authorization/roleAssignments:"
    echo "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/$1'})) OR" \
        "(${prefix}RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {$assigned} AND" \
        "${prefix}PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}))"
}
condition="$(limited write Request) AND $(limited delete Resource)"

arm() { # METHOD PATH-AND-QUERY
    if [ "$1" = get ]; then
        az rest --only-show-errors --method get --url "https://management.azure.com$2"
    else
        az rest --only-show-errors --method "$1" --url "https://management.azure.com$2" --body "@$folder/body"
    fi
}

# role is one line of what an identity is to have: a role, where, and under which condition.
role() {
    jq -n --arg role "$1" --arg scope "$2" --arg condition "${3:-}" '{key: "\($role) at \($scope)" | ascii_downcase,
        value: {role: $role, scope: $scope, condition: $condition}}' >>"$folder/roles"
}

# The roles that an identity has on the subscription, on its state and in the group of both.
held() {
    for at in "$scope" "$container" "$group"; do
        arm get "$at/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01&\$filter=principalId%20eq%20'$principal'"
    done | jq -s '[.[].value[] | {id: .id} + .properties | . + {role: (.roleDefinitionId | split("/") | last)} |
        {key: "\(.role) at \(.scope)" | ascii_downcase, value: {id, condition: (.condition // "")}}] | from_entries' >"$folder/held"
}

# assign gives the roles that are missing, and a condition to those that are without. The name of a new one follows from
# what it is.
assign() {
    jq -c --slurpfile held "$folder/held" \
        'to_entries[] | select(.value.condition != $held[0][.key].condition) | .value + {id: $held[0][.key].id}' \
        "$folder/given" >"$folder/missing"
    while read -r missing; do
        at=$(echo "$missing" | jq -r .scope) id=$(echo "$missing" | jq -r '.id // empty')
        hash=$(echo "$missing $principal" | sha256sum)
        [ -n "$id" ] || id=$at/providers/Microsoft.Authorization/roleAssignments/$(echo "$hash" |
            sed 's/^\(.\{8\}\)\(.\{4\}\).\(.\{3\}\).\(.\{3\}\)\(.\{12\}\).*/\1-\2-4\3-8\4-\5/')
        echo "$missing" | jq --arg subscription "$scope" --arg principal "$principal" '{properties: ({
            roleDefinitionId: "\($subscription)/providers/Microsoft.Authorization/roleDefinitions/\(.role)",
            principalId: $principal, principalType: "ServicePrincipal"} +
            (if .condition == "" then {} else {condition, conditionVersion: "2.0"} end))}' >"$folder/body"
        arm put "$id?api-version=2022-04-01" </dev/null
    done <"$folder/missing"
}

# An identity: NAME ENVIRONMENT, with the roles that role noted.
identity() {
    jq -s from_entries "$folder/roles" >"$folder/given"
    : >"$folder/roles"
    jq -n --arg location "$location" '{location: $location}' >"$folder/body"
    arm get "$identities?api-version=2023-01-31" >"$folder/all"
    jq --arg name "$1" '.value | map(select(.name == $name)) | first | if . then {} else . end' "$folder/all" >"$folder/has"
    echo '{}' >"$folder/wants"
    keep "identity $1" arm put "$identities/$1?api-version=2023-01-31"
    arm get "$identities?api-version=2023-01-31" >"$folder/all"
    principal=$(jq -r --arg name "$1" '.value[] | select(.name == $name) | .properties.principalId' "$folder/all")
    [ -n "$principal" ] || return 0 # which is said
    client=$(jq -r --arg name "$1" '.value[] | select(.name == $name) | .properties.clientId' "$folder/all")

    arm get "$identities/$1/federatedIdentityCredentials?api-version=2023-01-31" >"$folder/all"
    jq '.value | map({key: .name, value: (.properties | {issuer, subject, audiences})}) | from_entries' "$folder/all" >"$folder/has"
    jq -n --arg subject "repo:${GITHUB_REPOSITORY:?}:environment:$2" '{properties: {subject: $subject,
        issuer: "https://token.actions.githubusercontent.com", audiences: ["api://AzureADTokenExchange"]}}' >"$folder/body"
    jq '{github: .properties}' "$folder/body" >"$folder/wants"
    keep "identity $1: who is trusted" arm put "$identities/$1/federatedIdentityCredentials/github?api-version=2023-01-31"
    for other in $(jq -r 'del(.github, ."azure-devops") | keys[]' "$folder/has"); do
        complain "identity $1 trusts $other as well"
    done

    held
    jq 'map_values({condition})' "$folder/held" >"$folder/has"
    jq 'map_values({condition})' "$folder/given" >"$folder/wants"
    keep "identity $1: role" assign
    jq -r --slurpfile given "$folder/given" 'to_entries[] | select($given[0][.key] == null) | "\(.key): \(.value.id)"' \
        "$folder/held" >"$folder/more"
    while read -r more; do
        complain "identity $1 has a role too many, $more"
    done <"$folder/more"
    [ -n "$check" ] || echo "gh variable set AZURE_CLIENT_ID --env $2 --body $client"
    [ -n "$check" ] || echo "gh variable set AZURE_SUBSCRIPTION_ID --env $2 --body $subscription"
    [ -n "$check" ] || echo "gh variable set PULUMI_BACKEND_URL --env $2 --body azblob://state-$stack?storage_account=${STATE##*/}"
}

: >"$folder/roles"
location=$(arm get "$STATE?api-version=2023-01-01" | jq -r .location)
arm get "$STATE/blobServices/default/containers?api-version=2023-01-01" >"$folder/all"
jq --arg name "state-$stack" '.value | map(select(.name == $name)) | first | if . then {} else . end' "$folder/all" >"$folder/has"
echo '{}' >"$folder/wants"
echo '{"properties": {}}' >"$folder/body"
keep "container state-$stack" arm put "$container?api-version=2023-01-01"

role b24988ac-6180-42a0-ab88-20f7382dd24c "$scope"              # Contributor
role f58310d9-a9f6-439a-9e8d-f62e7b41a168 "$scope" "$condition" # Role Based Access Control Administrator
role 28bf596f-4eb7-45ce-b5bc-6cf482fec137 "$scope"              # Locks Contributor
role 21090545-7ca7-4776-b22c-e363652d74d2 "$scope"              # Key Vault Reader, for smoke.sh
role ba92f5b4-2d11-453d-a403-e96b0029c9fe "$container"          # Storage Blob Data Contributor
identity "amora-deploy-$stack" "$stack"

for more in ${REVIEW_ROLES:-}; do role "$more" "$scope"; done
role acdd72a7-3385-48ef-bd42-f606fba81ae7 "$scope"     # Reader
role 2a2b9908-6ea1-4ae2-8e65-a410df84e7d1 "$container" # Storage Blob Data Reader
identity "amora-review-$stack" "review-$stack"

for more in ${DRIFT_ROLES:-}; do role "$more" "$scope"; done
role acdd72a7-3385-48ef-bd42-f606fba81ae7 "$scope"     # Reader
role acdd72a7-3385-48ef-bd42-f606fba81ae7 "$group"     # Reader, of the identities
role 2a2b9908-6ea1-4ae2-8e65-a410df84e7d1 "$container" # Storage Blob Data Reader
identity "amora-drift-$stack" "drift-$stack"
