#!/bin/sh
# Puts the policies of this folder into an Azure AD B2C tenant, and makes the keys that they sign and encrypt with. Can
# be run again. Needs az, logged in to that tenant as an application with the Microsoft Graph permissions
# Policy.ReadWrite.TrustFramework and TrustFrameworkKeySet.ReadWrite.All, and the variables that are checked below.
set -eu

graph=https://graph.microsoft.com/beta/trustFramework # v1.0 has no policies

fail() {
    echo "upload: $*" >&2
    exit 1
}

# What is taken here goes into XML and URLs as it is.
guid() {
    case $2 in
    *[!0123456789abcdef-]*) fail "$1 must be a GUID in lower case" ;;
    ????????-????-????-????-????????????) ;;
    *) fail "$1 must be a GUID in lower case" ;;
    esac
}

case ${TENANT:-} in
'' | *[!abcdefghijklmnopqrstuvwxyz0123456789]*) fail 'TENANT must be the name of the tenant: "contoso" of contoso.onmicrosoft.com' ;;
esac
guid TENANT_ID "${TENANT_ID:-}" # of the tenant
guid IEF_APP_ID "${IEF_APP_ID:-}" # of its application IdentityExperienceFramework
guid PROXY_APP_ID "${PROXY_APP_ID:-}" # of its application ProxyIdentityExperienceFramework

# Keys in the wrong directory would harm nothing, but confuse.
signed_in=$(az account show --query tenantId --output tsv) || fail "az is not logged in: az login --tenant $TENANT.onmicrosoft.com --allow-no-subscriptions"
[ "$signed_in" = "$TENANT_ID" ] || fail "az is logged in to the tenant $signed_in, not to $TENANT_ID"

keysets() {
    az rest --method get --url "$graph/keySets" --query "$1" --output tsv --only-show-errors
}

post() {
    az rest --method post --url "$graph/$1" --headers Content-Type=application/json --body "$2" --only-show-errors --output none
}

# A run that was cut short may have left a key set without a key.
key() {
    if printf '%s\n' "$with_key" | grep -Fqx "B2C_1A_MQTT_$1"; then
        return
    fi
    if ! printf '%s\n' "$known" | grep -Fqx "B2C_1A_MQTT_$1"; then
        # The service puts B2C_1A_ before the name.
        post keySets "{\"id\": \"MQTT_$1\"}" || fail "the key set B2C_1A_MQTT_$1 can't be made"
    fi
    post "keySets/B2C_1A_MQTT_$1/generateKey" "{\"use\": \"$2\", \"kty\": \"RSA\"}" || fail "the key of B2C_1A_MQTT_$1 can't be made"
    echo "upload: made the key B2C_1A_MQTT_$1"
}

known=$(keysets 'value[].id') || fail "the key sets can't be listed: is TrustFrameworkKeySet.ReadWrite.All granted?"
with_key=$(keysets 'value[?keys[0]].id') || fail "the key sets can't be listed"
key TokenSigning sig
key TokenEncryption enc

folder=$(dirname "$0")
filled=$(mktemp -d)
trap 'rm -rf "$filled"' EXIT
# The base first: the others are checked against it.
for policy in B2C_1A_MQTT_Base B2C_1A_MQTT_SignUpOrSignIn B2C_1A_MQTT_Password; do
    sed -e "s/@TENANT@/$TENANT/g" -e "s/@IEF_APP@/$IEF_APP_ID/g" -e "s/@PROXY_APP@/$PROXY_APP_ID/g" "$folder/$policy.xml" >"$filled/$policy.xml"
    az rest --method put --url "$graph/policies/$policy/\$value" --headers Content-Type=application/xml --body "@$filled/$policy.xml" \
        --only-show-errors >/dev/null || fail "the policy $policy was not taken"
    echo "upload: $policy"
done
